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
    public  = optional(bool, false) # has a floating IP
    flavor  = optional(string)      # another one than the pool's, for as long as it waits for its new machine
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
  description = "ID of the image of every node. By ID, because clouds build images again under the same name."
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
  description = "Extra volumes of every node, by name. They can grow, never shrink."
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
  description = "Zones that the nodes are spread over in turn, by their numbers; the cloud's default when empty."
  nullable    = false
  type        = list(string)
  default     = []
}
