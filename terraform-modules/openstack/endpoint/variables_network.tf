variable "cidr" {
  description = "Address range of the cluster's network."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "The network must be an IPv4 range, such as 10.20.0.0/16."
  }
}

variable "network" {
  description = "The cluster's network: output of the network module; a virtual IP has a port in it."
  type = object({
    id   = string
    name = string
  })
  default = null
}

variable "subnet_id" {
  description = "ID of the control plane's subnet."
  nullable    = false
  type        = string
}

variable "external_network" {
  description = "The source of floating IPs: output of the network module."
  nullable    = false
  type        = string
}

variable "router_interfaces" {
  description = "The connections of the subnets to the external network: output of the network module."
  nullable    = false
  type        = list(string)
  default     = []
}
