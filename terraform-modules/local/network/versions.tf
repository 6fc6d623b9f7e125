terraform {
  # terraform_data is built in, so no provider is downloaded; strcontains requires 1.5.
  required_version = ">= 1.5.0"
}
