"""A stand-in for Cluster Autoscaler's image, which the suite cannot reach: a client that decides nothing.

It has upstream's path, flags, port of the probe, identity and wire form; `program.py` is what runs in a pod.
"""
