"""OpenTofu or Terraform, from a rendered root: finding it, running it, and reading what it says."""
