"""Cluster Autoscaler and the server as pods on the control plane: their manifest and their Secrets.

`manifest` assembles the objects, which servers deploy; `contents` makes the Secrets, which are written
through the API. docs/decisions/0065 and 0074 have the reasons.
"""
