"""Small specs for tests."""

from __future__ import annotations

from pathlib import Path

from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Spec

HEAD = "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n"
VERSION = "kubernetes: {version: v1.32.0+k3s1}"


def spec_of(text: str) -> Spec:
    return load_text(text, Path("spec.yaml")).checked(Path("spec.yaml"))


def local(pools: str = "", *, agents: str = "10.90.4.0/22", more: str = "") -> Spec:
    """One local cluster `c` with these pools, written `name=nodes name=nodes`."""
    listed = ", ".join("{name: %s, nodes: %s}" % tuple(pool.split("=")) for pool in pools.split())  # noqa: UP031
    network = f"network: {{cidr: 10.90.0.0/16, control_plane: 10.90.0.0/24, agents: {agents}}}"
    body = f"provider: {{local: {{}}}}, {VERSION}, {network}, control_plane: {{nodes: 3}}, pools: [{listed}]"
    return spec_of(f"{HEAD}  c: {{{body}{more}}}\n")
