variable "network" {
  description = "The cluster's network, as the network module gives it."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "role" {
  description = "What these nodes are: server (control plane) or agent."
  nullable    = false
  type        = string

  validation {
    condition     = contains(["server", "agent"], var.role)
    error_message = "A node is a server or an agent."
  }
}

variable "pool" {
  description = "Name of the pool that these nodes form."
  nullable    = false
  type        = string
}

variable "nodes" {
  description = "The nodes by name. The name is a node's identity: removing one moves no other."
  nullable    = false
  type = map(object({
    address = string
  }))

  validation {
    condition     = alltrue([for name in keys(var.nodes) : can(regex("^[a-z0-9][a-z0-9.-]{0,62}$", name))])
    error_message = "Node names are host names: lower-case letters, digits, dots and dashes, at most 63."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : can(cidrnetmask("${node.address}/32"))])
    error_message = "Each node needs an IPv4 address."
  }
}

variable "ssh_authorized_keys" {
  description = "Public keys that may log in as kbootstrap, one line each."
  nullable    = false
  type        = list(string)

  validation {
    condition     = !strcontains(join("", var.ssh_authorized_keys), "\n")
    error_message = "Each key must be a single line."
  }
}
