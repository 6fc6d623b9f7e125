"""Finds and runs OpenTofu or Terraform in a rendered root, and reads its output."""
