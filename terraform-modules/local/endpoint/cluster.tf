variable "cluster" {
  description = "Which cluster this belongs to: the spec's name and the cluster's name in it."
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
