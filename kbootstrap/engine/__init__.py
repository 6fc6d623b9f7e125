"""Shared by the commands: a cluster's context, prepared root and observed nodes, and changes of nodes."""
