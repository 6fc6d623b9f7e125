"""The Kubernetes API of a cluster: Node objects, pods, `/readyz`, one Secret, one ConfigMap."""
