variable "cluster" {
  description = "The cluster that this belongs to: the name of the spec, and the name of the cluster in it."
  nullable    = false
  type = object({
    spec = string
    name = string
  })

  validation {
    condition     = alltrue([for name in values(var.cluster) : can(regex("^[a-z0-9][a-z0-9.-]{0,40}$", name))])
    error_message = "Names are lower-case letters, digits, dots and dashes, at most 41, because tags contain them."
  }
}

locals {
  name = "${var.cluster.spec}-${var.cluster.name}"
  # A description is set when a resource is created; tags are set a moment later, and a run can end in between.
  mark = "kbootstrap ${var.cluster.spec}/${var.cluster.name}"
  tags = ["kbootstrap.spec=${var.cluster.spec}", "kbootstrap.cluster=${var.cluster.name}"]
}
