"""A machine as the cluster's record has it."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.distros.model import Role


@dataclass(frozen=True, slots=True)
class Recorded:
    """An existing machine in the cluster's record.

    SSH answers at `address`, or where `ssh_host` and `port` (0: not written) lead. `left`: its node has left,
    and Kubernetes could not be removed from the machine.
    """

    role: Role
    address: str
    left: bool = False
    ssh_host: str = ""
    port: int = 0
