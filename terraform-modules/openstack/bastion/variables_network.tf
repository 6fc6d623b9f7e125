variable "network" {
  description = "The cluster's network, as the network module gives it."
  nullable    = false
  type = object({
    id   = string
    name = string
  })
}

variable "subnet_id" {
  description = "ID of the subnet that the bastion is in."
  nullable    = false
  type        = string
}

variable "external_network" {
  description = "Where floating IPs come from, as the network module gives it."
  nullable    = false
  type        = string
}

variable "security_group_ids" {
  description = "IDs of the security groups of its port."
  nullable    = false
  type        = list(string)
}
