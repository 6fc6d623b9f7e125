"""The lock of a cluster: a lease on its servers."""
