"""Snapshots of etcd: saving, listing, deleting, restoring, and the token that belongs to them."""
