"""The server of Cluster Autoscaler's `externalgrpc` contract: groups, their sizes, and their machines."""
