"""Carries steps out on nodes and through the Kubernetes API."""
