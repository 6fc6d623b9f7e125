variable "kind" {
  description = "load_balancer or virtual_ip (created here), floating_ip (of the first server), or named (from elsewhere)."
  nullable    = false
  type        = string

  validation {
    condition     = contains(["load_balancer", "virtual_ip", "floating_ip", "named"], var.kind)
    error_message = "The endpoint is load_balancer, virtual_ip, floating_ip or named."
  }
}

variable "address" {
  description = "Registration address, by which nodes reach the API. An endpoint that is created here takes it."
  nullable    = false
  type        = string
}

variable "public_address" {
  description = "Address by which operators reach the API, if nothing is created here; the registration address if null."
  type        = string
  default     = null
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
  description = "Addresses of the control-plane nodes, by name, so removing one does not affect others."
  nullable    = false
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.servers) : can(cidrnetmask("${address}/32"))])
    error_message = "Each server needs an IPv4 address."
  }
}

variable "allowed_cidrs" {
  description = "Networks that may reach the API from outside."
  nullable    = false
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "Each range must be an IPv4 range, such as 203.0.113.0/24."
  }
}

variable "octavia" {
  description = "Settings of the load balancer: Octavia's provider, and the ID of one of its flavors."
  nullable    = false
  type = object({
    provider = optional(string)
    flavor   = optional(string)
  })
  default = {}
}
