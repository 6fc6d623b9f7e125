variable "kind" {
  description = "load_balancer or virtual_ip (made here), floating_ip (of the first server), or named (somebody else's)."
  nullable    = false
  type        = string

  validation {
    condition     = contains(["load_balancer", "virtual_ip", "floating_ip", "named"], var.kind)
    error_message = "The endpoint is load_balancer, virtual_ip, floating_ip or named."
  }
}

variable "address" {
  description = "Registration address: nodes reach the API here. What is made here gets it, so it must be free then."
  nullable    = false
  type        = string
}

variable "public_address" {
  description = "Where operators reach the API, when nothing is made here; the registration address when null."
  type        = string
  default     = null
}

variable "ports" {
  description = "Ports of the servers that the endpoint passes on; the first one is the API's."
  nullable    = false
  type        = list(number)
  default     = [6443]

  validation {
    condition     = length(var.ports) > 0
    error_message = "At least the API's port is needed."
  }
}

variable "servers" {
  description = "Addresses of the control-plane nodes, by name: removing one moves no other."
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
  description = "How Octavia makes the load balancer: its provider, and the ID of one of its flavors."
  nullable    = false
  type = object({
    provider = optional(string)
    flavor   = optional(string)
  })
  default = {}
}
