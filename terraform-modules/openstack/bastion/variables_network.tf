variable "network" {
  description = "The cluster's network: output of the network module."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "subnet_id" {
  description = "ID of the bastion's subnet."
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

variable "security_group_ids" {
  description = "IDs of the security groups of its port."
  nullable    = false
  type        = list(string)
}
