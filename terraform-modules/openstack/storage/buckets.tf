# Object storage that belongs to the cluster. `kbootstrap destroy` keeps it, unless `--with-buckets` is given, and
# never deletes a bucket that is not empty.

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
