variable "network" {
  description = "The cluster's network: output of the network module."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "role" {
  description = "Role of these nodes: server (control plane) or agent."
  nullable    = false
  type        = string

  validation {
    condition     = contains(["server", "agent"], var.role)
    error_message = "A node is a server or an agent."
  }
}

variable "pool" {
  description = "Name of the pool that these nodes belong to."
  nullable    = false
  type        = string
}

variable "nodes" {
  description = "The nodes, by name. A node is identified by its name, so removing one does not affect others."
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

variable "flavor" {
  description = "What each node gets of this machine; null: the whole machine. Memory is in GiB."
  default     = null
  type = object({
    name       = string
    cpus       = number
    memory_gib = number
  })
}

variable "ssh_authorized_keys" {
  description = "Public keys that are authorized to log in as kbootstrap, one line each."
  nullable    = false
  type        = list(string)

  validation {
    condition     = !strcontains(join("", var.ssh_authorized_keys), "\n")
    error_message = "Each key must be a single line."
  }
}
