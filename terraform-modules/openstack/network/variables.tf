variable "control_plane" {
  description = "Subnet of the control-plane nodes, such as 10.20.0.0/24."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.control_plane))
    error_message = "The subnet must be an IPv4 range, such as 10.20.0.0/24."
  }
}

variable "agents" {
  description = "Subnet of all other nodes, such as 10.20.4.0/22."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.agents))
    error_message = "The subnet must be an IPv4 range, such as 10.20.4.0/22."
  }
}

variable "external_network" {
  description = "Name of the network that floating IPs and the router's gateway come from."
  nullable    = false
  type        = string
}

variable "dns_servers" {
  description = "Name servers of a network that is created; the cloud's own if empty."
  nullable    = false
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.dns_servers : can(cidrnetmask("${address}/32"))])
    error_message = "Name servers are IPv4 addresses."
  }
}

variable "mtu" {
  description = "Maximum packet size (MTU) of a network that is created, in bytes; the cloud's default if null."
  type        = number
  default     = null
}

variable "existing" {
  description = "Names or IDs of existing resources to use instead of new ones; a network requires both subnets."
  nullable    = false
  type = object({
    network              = optional(string)
    control_plane_subnet = optional(string)
    agents_subnet        = optional(string)
    router               = optional(string)
  })
  default = {}

  validation {
    condition = length(distinct([
      for part in [var.existing.network, var.existing.control_plane_subnet, var.existing.agents_subnet] : part == null
    ])) == 1
    error_message = "An existing network comes with both of its subnets, and subnets with their network."
  }
}
