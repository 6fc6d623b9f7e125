variable "network" {
  description = "The cluster's network, as the network module gives it."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "subnet_id" {
  description = "ID of the subnet that the nodes' addresses are in."
  nullable    = false
  type        = string
}

variable "external_network" {
  description = "Where floating IPs come from, as the network module gives it."
  nullable    = false
  type        = string
}

variable "security_group_ids" {
  description = "IDs of the security groups of the nodes' ports."
  nullable    = false
  type        = list(string)
}

variable "shared_addresses" {
  description = "Addresses besides its own that any of the nodes may answer for, such as a virtual IP."
  nullable    = false
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.shared_addresses : can(cidrnetmask("${address}/32"))])
    error_message = "Each shared address is one IPv4 address."
  }
}
