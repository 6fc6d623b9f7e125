variable "cluster" {
  description = "The cluster that this belongs to: the name of the spec, and the name of the cluster in it."
  nullable    = false
  type = object({
    spec = string
    name = string
  })

  validation {
    condition     = alltrue([for name in values(var.cluster) : can(regex("^[a-z0-9][a-z0-9.-]*$", name))])
    error_message = "Names are lower-case letters, digits, dots and dashes."
  }
}
