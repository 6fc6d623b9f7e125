variable "ssh_user" {
  description = "User that may log in and use sudo without a password; cloud-init makes it where the image has none."
  nullable    = false
  type        = string
}

variable "ssh_authorized_keys" {
  description = "Public keys that may log in, one line each. They count when a machine is made."
  nullable    = false
  type        = list(string)

  validation {
    condition     = !strcontains(join("", var.ssh_authorized_keys), "\n")
    error_message = "Each key must be a single line."
  }
}

variable "key_pair" {
  description = "Name of a key pair in the cloud that may log in besides, as the image's own user."
  type        = string
  default     = null
}
