variable "cidr" {
  description = "Address range of the network, such as 10.142.0.0/16; the engine uses the first address as gateway."
  nullable    = false
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "The network must be an IPv4 range, such as 10.142.0.0/16."
  }
}
