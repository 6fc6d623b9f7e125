mock_provider "openstack" {}

variables {
  cluster = { spec = "lab", name = "ha" }
  buckets = { "lab-backups" = { versioning = true }, "lab-logs" = {} }
}

run "buckets_are_not_emptied" {
  assert {
    condition     = output.buckets == tolist(["lab-backups", "lab-logs"])
    error_message = "One container for each bucket."
  }
  assert {
    condition     = openstack_objectstorage_container_v1.bucket["lab-backups"].versioning && !openstack_objectstorage_container_v1.bucket["lab-logs"].versioning
    error_message = "Versioning as asked."
  }
  assert {
    condition     = !openstack_objectstorage_container_v1.bucket["lab-logs"].force_destroy
    error_message = "What is in a bucket stays."
  }
}
