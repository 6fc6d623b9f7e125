"""The server of Cluster Autoscaler's `externalgrpc` contract: node groups, their sizes, and their machines."""
