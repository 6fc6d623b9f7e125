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
    public  = optional(bool, false) # has a floating IP
    flavor  = optional(string)      # a flavor other than the pool's, until the node's machine is replaced
  }))

  validation {
    condition     = alltrue([for name in keys(var.nodes) : can(regex("^[a-z0-9][a-z0-9.-]{0,60}-[0-9]+$", name))])
    error_message = "Node names are host names that end in a number: production-web-1."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : can(cidrnetmask("${node.address}/32"))])
    error_message = "Each node needs an IPv4 address."
  }
}

variable "flavor" {
  description = "Name of the flavor of the nodes."
  nullable    = false
  type        = string
}

variable "image_id" {
  description = "ID of the image of every node. An ID, because clouds publish new images under the same name."
  nullable    = false
  type        = string
}

variable "boot_volume" {
  description = "Boot from a volume of this size instead of the flavor's disk."
  type = object({
    size_gib = number
    type     = optional(string)
  })
  default = null
}

variable "volumes" {
  description = "Additional volumes of every node, by name. They can grow, never shrink."
  nullable    = false
  type = map(object({
    size_gib = number
    type     = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.volumes) : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", name))])
    error_message = "Names of volumes are lower-case letters, digits and dashes."
  }
}

variable "anti_affinity" {
  description = "Whether the nodes must (hard) or should (soft) run on different physical machines."
  nullable    = false
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "soft", "hard"], var.anti_affinity)
    error_message = "Anti-affinity is none, soft or hard."
  }
}

variable "availability_zones" {
  description = "Zones over which the nodes are distributed in turn, by their numbers; the cloud's default if empty."
  nullable    = false
  type        = list(string)
  default     = []
}
