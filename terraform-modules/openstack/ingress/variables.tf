variable "name" {
  description = "Name of the load balancer, unique in the cluster."
  nullable    = false
  type        = string
}

variable "ports" {
  description = "TCP ports that the load balancer listens on. Port p is forwarded to node port 30000 + p."
  nullable    = false
  type        = list(number)

  validation {
    condition     = length(var.ports) > 0 && alltrue([for port in var.ports : port >= 1 && port <= 2767])
    error_message = "Ports are 1 to 2767: node ports end at 32767."
  }
}

variable "members" {
  description = "Addresses of the pool's nodes, by name, so removing one does not affect others."
  nullable    = false
  type        = map(string)
}

variable "subnet_id" {
  description = "ID of the agents' subnet."
  nullable    = false
  type        = string
}

variable "external_network" {
  description = "The source of floating IPs: output of the network module."
  nullable    = false
  type        = string
}

variable "router_interfaces" {
  description = "The connections of the subnets to the external network: output of the network module."
  nullable    = false
  type        = list(string)
  default     = []
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
