"""Audits of nodes: the CIS Kubernetes Benchmark, and the machine itself."""
