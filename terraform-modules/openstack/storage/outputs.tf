output "buckets" {
  description = "Names of the buckets."
  value       = sort([for bucket in openstack_objectstorage_container_v1.bucket : bucket.name])
}
