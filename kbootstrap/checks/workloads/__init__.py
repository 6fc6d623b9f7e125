"""Checks of workloads: whether they survive a drain, and whether they and their nodes can scale."""
