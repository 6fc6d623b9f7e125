variable "flavor" {
  description = "Name of the bastion's flavor."
  nullable    = false
  type        = string
}

variable "image_id" {
  description = "ID of the bastion's image."
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

variable "availability_zones" {
  description = "The bastion is in the first of these zones; in the cloud's default zone if empty."
  nullable    = false
  type        = list(string)
  default     = []
}
