variable "cluster" {
  description = "Which cluster this belongs to: the spec's name and the cluster's name in it."
  nullable    = false
  type = object({
    spec = string
    name = string
  })

  validation {
    condition     = alltrue([for name in values(var.cluster) : can(regex("^[a-z0-9][a-z0-9.-]{0,40}$", name))])
    error_message = "Names are lower-case letters, digits, dots and dashes, at most 41: they stand in tags."
  }
}

locals {
  name = "${var.cluster.spec}-${var.cluster.name}"
  # Descriptions stand from the first moment; tags come a moment later, and a run may end between the two.
  mark = "kbootstrap ${var.cluster.spec}/${var.cluster.name}"
  tags = ["kbootstrap.spec=${var.cluster.spec}", "kbootstrap.cluster=${var.cluster.name}"]
}
