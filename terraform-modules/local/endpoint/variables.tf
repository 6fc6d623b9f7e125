variable "network" {
  description = "The cluster's network: output of the network module."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "address" {
  description = "Registration address, by which nodes reach the API, independent of the individual servers."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask("${var.address}/32"))
    error_message = "The address must be an IPv4 address."
  }
}

variable "api_port" {
  description = "Port on this machine's loopback address by which operators reach the API."
  nullable    = false
  type        = number

  validation {
    condition     = var.api_port >= 1024 && var.api_port <= 65535 && floor(var.api_port) == var.api_port
    error_message = "The port must be a whole number from 1024 to 65535."
  }
}

variable "ports" {
  description = "Ports that the endpoint forwards to the servers; the first one is the API's."
  nullable    = false
  type        = list(number)
  default     = [6443]

  validation {
    condition     = length(var.ports) > 0
    error_message = "At least the API's port is needed."
  }
}

variable "servers" {
  description = "Addresses of the control-plane nodes."
  nullable    = false
  type        = list(string)

  validation {
    condition     = length(var.servers) > 0
    error_message = "An endpoint needs at least one server behind it."
  }
}
