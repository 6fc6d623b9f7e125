variable "network" {
  description = "The cluster's network: output of the network module."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "subnet_id" {
  description = "ID of the subnet of the nodes' addresses."
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
  description = "IDs of the security groups of the nodes' ports."
  nullable    = false
  type        = list(string)
}

variable "shared_addresses" {
  description = "Addresses that any of the nodes may use in addition to its own, such as a virtual IP."
  nullable    = false
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.shared_addresses : can(cidrnetmask("${address}/32"))])
    error_message = "Each shared address is one IPv4 address."
  }
}
