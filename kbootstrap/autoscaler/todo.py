"""Derives what to do from the state. Pure: the same state has the same work, whatever happened before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

from kbootstrap.autoscaler.merge import MISSING, taken
from kbootstrap.autoscaler.model import FleetState, Instance, InstancePhase
from kbootstrap.providers.elastic import MachinePhase


class Kind(StrEnum):
    """A kind of work."""

    CREATE = "create"
    INSTALL = "install"
    DELETE = "delete"
    FORGET = "forget"
    """Remove what Kubernetes keeps of a machine that is gone."""


@dataclass(frozen=True, slots=True)
class Action:
    """Work on one instance."""

    kind: Kind
    name: str


def todo(state: FleetState, now: float, busy: Collection[str] = ()) -> tuple[Action, ...]:
    """Return the work that can begin now, oldest first; `busy` instances have work already."""
    order = sorted(state.instances.values(), key=lambda one: (one.since, one.name))
    ready = (one for one in order if one.name not in busy and one.retry <= now)
    return tuple(Action(kind, one.name) for one in ready if (kind := _kind(state, one, now)))


def _kind(state: FleetState, one: Instance, now: float) -> Kind | None:
    if one.phase in {InstancePhase.WANTED, InstancePhase.INSTALLING}:
        # A pool that has left the spec gets no more nodes.
        begin = Kind.CREATE if one.phase is InstancePhase.WANTED else Kind.INSTALL
        return begin if one.group in state.groups else None
    if one.phase in {InstancePhase.FAILED, InstancePhase.DELETING} and one.machine is not None:
        # A machine that is being deleted outside of kbootstrap is only waited for.
        return Kind.DELETE if one.machine.phase is not MachinePhase.DELETING or one.retry else None
    # Without a machine: it is gone from the list, or was never in one. Only then its Node is removed, because
    # a machine that runs would register again.
    gone = one.missing and now - one.missing >= MISSING
    return Kind.FORGET if one.phase is InstancePhase.DELETING and gone else None


def free_address(state: FleetState, name: str) -> str | None:
    """Return an address of the pool for an instance; None if all are taken.

    It is one of those that were unused for longest. Which one depends on the name: a server that has just
    started does not know which addresses earlier machines have left.
    """
    one = state.instances[name]
    if one.address and one.address not in one.avoid:
        return one.address  # of an earlier attempt
    group = state.groups.get(one.group)
    used = taken(state.instances) | one.avoid
    free = [address for address in (group.addresses if group else ()) if address not in used]

    def order(address: str) -> tuple[float, int]:
        return state.freed.get(address, 0.0), crc32(f"{name} {address}".encode())

    return min(free, key=order, default=None)
