variable "cidr" {
  description = "Address range of the network, which contains both subnets."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "The network must be an IPv4 range, such as 10.20.0.0/16."
  }
}

variable "control_plane" {
  description = "Subnet of the control-plane nodes, and of a separate bastion."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.control_plane))
    error_message = "The subnet must be an IPv4 range, such as 10.20.0.0/24."
  }
}

variable "api_ports" {
  description = "Ports of the servers that nodes connect to; the first one is the API's."
  nullable    = false
  type        = list(number)
  default     = [6443]

  validation {
    condition     = length(var.api_ports) > 0
    error_message = "At least the API's port is needed."
  }
}

variable "pod_ports" {
  description = "Ports of every node that the network of the pods needs; only nodes may use them."
  nullable    = false
  type        = list(object({ protocol = string, port = number }))
  default     = [{ protocol = "udp", port = 8472 }]

  validation {
    condition     = alltrue([for one in var.pod_ports : contains(["tcp", "udp"], one.protocol)])
    error_message = "The protocol is tcp or udp."
  }
}

variable "image_ports" {
  description = "Ports on which nodes give each other images, if they do."
  nullable    = false
  type        = list(number)
  default     = []
}

variable "api_allowed_cidrs" {
  description = "Networks that may reach the API from outside."
  nullable    = false
  type        = list(string)

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "Each range must be an IPv4 range, such as 203.0.113.0/24."
  }
}

variable "api_direct" {
  description = "Whether operators' packets reach the servers with the operators' own addresses."
  nullable    = false
  type        = bool
}

variable "ssh_allowed_cidrs" {
  description = "Networks that may reach SSH from outside."
  nullable    = false
  type        = list(string)

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "Each range must be an IPv4 range, such as 203.0.113.0/24."
  }
}

variable "bastion" {
  description = "Target of SSH from outside: server (the first one), machine (a separate one) or none (every node)."
  nullable    = false
  type        = string

  validation {
    condition     = contains(["server", "machine", "none"], var.bastion)
    error_message = "The bastion is server, machine or none."
  }
}

variable "installs_agents" {
  description = "Whether a program on the control plane installs agents over SSH; with a bastion it always may."
  nullable    = false
  type        = bool
  default     = false
}

variable "keeps_client_addresses" {
  description = "Whether the cloud's load balancers forward packets with the client's address, as OVN's do."
  nullable    = false
  type        = bool
  default     = false
}
