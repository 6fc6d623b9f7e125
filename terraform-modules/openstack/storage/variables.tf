variable "buckets" {
  description = "The buckets, by name. Names are unique in the whole project, in some clouds in the whole region."
  nullable    = false
  type = map(object({
    versioning = optional(bool, false) # old versions of objects are kept
  }))
}
