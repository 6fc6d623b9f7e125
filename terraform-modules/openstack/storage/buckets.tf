# Object storage that belongs to the cluster. `kbootstrap destroy` leaves it where it is unless told otherwise, and a
# bucket with something in it is never deleted from here.

resource "openstack_objectstorage_container_v1" "bucket" {
  for_each = var.buckets

  name          = each.key
  versioning    = each.value.versioning
  force_destroy = false

  metadata = {
    kbootstrap-spec    = var.cluster.spec
    kbootstrap-cluster = var.cluster.name
  }
}
