variable "name" {
  description = "Name of the load balancer, unique in the cluster."
  nullable    = false
  type        = string
}

variable "ports" {
  description = "TCP ports that it listens on. Port p goes to node port 30000 + p."
  nullable    = false
  type        = list(number)

  validation {
    condition     = length(var.ports) > 0 && alltrue([for port in var.ports : port >= 1 && port <= 2767])
    error_message = "Ports are 1 to 2767: node ports end at 32767."
  }
}

variable "members" {
  description = "Addresses of the pool's nodes, by name: removing one moves no other."
  nullable    = false
  type        = map(string)
}

variable "subnet_id" {
  description = "ID of the agents' subnet."
  nullable    = false
  type        = string
}

variable "external_network" {
  description = "Where floating IPs come from, as the network module gives it."
  nullable    = false
  type        = string
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
