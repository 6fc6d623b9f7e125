variable "ssh_user" {
  description = "User to log in as, with sudo without a password; cloud-init creates it if the image has none."
  nullable    = false
  type        = string
}

variable "ssh_authorized_keys" {
  description = "Public keys that are authorized to log in, one line each. They apply when a machine is created."
  nullable    = false
  type        = list(string)

  validation {
    condition     = !strcontains(join("", var.ssh_authorized_keys), "\n")
    error_message = "Each key must be a single line."
  }
}

variable "key_pair" {
  description = "Name of a key pair in the cloud that is also authorized to log in, as the image's default user."
  type        = string
  default     = null
}
