terraform {
  required_version = ">= 1.5.0"

  # The arguments used here are the same from 1.54 to 3.x.
  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = ">= 1.54.1, < 4.0.0"
    }
  }
}
