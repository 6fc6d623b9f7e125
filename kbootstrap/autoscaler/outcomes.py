"""What becomes of instances: the results of requests to the infrastructure and of installations. Pure.

Every function ignores an instance that is gone or has left the phase in which the request began: results may
come late.
"""

from __future__ import annotations

from dataclasses import replace

from kbootstrap.autoscaler.instances import instance_id
from kbootstrap.autoscaler.model import (
    DEADLINE,
    FAILURES,
    LONGEST_PAUSE,
    SHOWN,
    UNDER_WAY,
    Fault,
    FleetState,
    Health,
    Instance,
    InstancePhase,
    Notice,
)
from kbootstrap.autoscaler.sizes import forget
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase

TRIES = 3
"""Attempts to create a machine. An API that does not answer for a moment is no failure of the group."""
_SLOWEST = 60.0


def creating(state: FleetState, name: str, address: str) -> FleetState:
    """Record, before the request is sent, that the machine may exist from now on."""
    one = state.instances[name]
    return state.put(replace(one, phase=InstancePhase.CREATING, address=address, requested=True))


def created(state: FleetState, name: str, machine: ElasticMachine, now: float) -> FleetState:
    """Record that the infrastructure accepted the request."""
    one = state.instances.get(name)
    if one is None:
        return state
    state = state.put(replace(one, machine=machine, seen=now, missing=0.0, tries=0, retry=0.0))
    return advanced(state, name, machine, now)


def advanced(state: FleetState, name: str, machine: ElasticMachine, now: float) -> FleetState:
    """Go on as the infrastructure reports the machine of an instance."""
    one = state.instances[name]
    if machine.phase is MachinePhase.FAILED and one.phase in UNDER_WAY:
        text = machine.fault or "the infrastructure reports an error of the machine"
        return failed(state, name, Fault("MachineFailed", text, machine.exhausted), now)
    if machine.phase is MachinePhase.RUNNING and one.phase in {InstancePhase.WANTED, InstancePhase.CREATING}:
        return state.put(replace(one, phase=InstancePhase.INSTALLING))
    return state


def not_created(state: FleetState, name: str, fault: Fault, now: float) -> FleetState:
    """Try again in a moment, or give up: at once for lack of resources."""
    one = state.instances.get(name)
    if one is None or one.machine is not None:
        return state
    if one.phase is InstancePhase.CREATING and not fault.exhausted and one.tries + 1 < TRIES:
        tries = one.tries + 1
        return state.put(replace(one, phase=InstancePhase.WANTED, tries=tries, retry=now + 2.0**tries))
    return failed(state, name, fault, now)


def address_taken(state: FleetState, name: str) -> FleetState:
    """Take another address at the next attempt."""
    one = state.instances.get(name)
    if one is None or one.phase is not InstancePhase.CREATING:
        return state
    return state.put(replace(one, phase=InstancePhase.WANTED, avoid=one.avoid | {one.address}, address=""))


def installed(state: FleetState, name: str) -> FleetState:
    """Record that the Node is Ready: the group is healthy."""
    one = state.instances.get(name)
    if one is None or one.phase is not InstancePhase.INSTALLING:
        return state
    state = state.put(replace(one, phase=InstancePhase.RUNNING, tries=0, retry=0.0)).with_health(
        one.group, Health()
    )
    return state.note(Notice("NodeReady", f"{name} is a node of {one.group}", one.group, name))


def failed(state: FleetState, name: str, fault: Fault, now: float) -> FleetState:
    """Give an instance up: it no longer counts, its machine is deleted, and the fault is shown for a while.

    Lack of resources fails all requests of the group that were not sent yet, and is no failure of the
    machines. Other faults are counted: after some in a row the group stops growing.
    """
    one = state.instances.get(name)
    if one is None or one.phase not in UNDER_WAY:
        return state
    state = _give_up(state, one, fault, now)
    if fault.exhausted:
        return _give_up_waiting(state, one.group, fault, now)
    known = state.healthy(one.group)
    health = replace(known, failures=known.failures + 1, reason=fault.message)
    if health.failures < FAILURES:
        return state.with_health(one.group, health)
    if now >= health.stopped:
        health = replace(health, stopped=now + health.pause, pause=min(health.pause * 2, LONGEST_PAUSE))
        text = f"{one.group} does not grow for {health.stopped - now:.0f} s: {fault.message}"
        state = state.note(Notice("GroupStopped", text, one.group, warning=True))
    state = state.with_health(one.group, health)
    return _give_up_waiting(state, one.group, replace(fault, code="GroupStopped"), now)


def late(state: FleetState, now: float) -> FleetState:
    """Give up the instances whose deadline has passed, and forget failed ones that were shown long enough."""
    for one in list(state.instances.values()):
        if one.phase in UNDER_WAY and now - one.since >= DEADLINE:
            at = {
                InstancePhase.WANTED: "not requested",
                InstancePhase.CREATING: "not running",
                InstancePhase.INSTALLING: "not Ready",
            }[one.phase]
            text = f"{one.name} was {at} after {DEADLINE / 60:.0f} minutes"
            state = failed(state, one.name, Fault("DeadlinePassed", text), now)
        elif one.phase is InstancePhase.FAILED and now >= one.until and one.machine is None:
            gone = replace(one, phase=InstancePhase.DELETING, tries=0, retry=0.0)
            state = state.put(gone) if one.requested else forget(state, one, now)
    return state


def deleting(state: FleetState, name: str, now: float) -> FleetState:
    """Record that the deletion of a machine was accepted; it is asked for again if the machine stays."""
    one = state.instances.get(name)
    return state if one is None else state.put(replace(one, tries=0, retry=now + _SLOWEST))


def not_done(state: FleetState, name: str, message: str, now: float) -> FleetState:
    """Try a deletion again, later and later; it is reported at its first failure."""
    one = state.instances.get(name)
    if one is None:
        return state
    if one.tries == 0:
        text = f"{name} cannot be removed yet: {message}"
        state = state.note(Notice("RemovalFailed", text, one.group, name, warning=True))
    tries = one.tries + 1
    return state.put(replace(one, tries=tries, retry=now + min(2.0**tries, _SLOWEST)))


def forgotten(state: FleetState, name: str, now: float) -> FleetState:
    """Record that nothing of an instance is left."""
    one = state.instances.get(name)
    return state if one is None else forget(state, one, now)


def _give_up_waiting(state: FleetState, group: str, fault: Fault, now: float) -> FleetState:
    for one in state.of(group):
        if one.phase is InstancePhase.WANTED and one.machine is None:
            state = _give_up(state, one, fault, now)
    return state


def _give_up(state: FleetState, one: Instance, fault: Fault, now: float) -> FleetState:
    given_up = replace(one, phase=InstancePhase.FAILED, fault=fault, until=now + SHOWN, tries=0, retry=0.0)
    state = state.put(replace(given_up, known_as=instance_id(state, one)))
    reason = "OutOfResources" if fault.exhausted else "NodeFailed"
    return state.note(Notice(reason, f"{one.name}: {fault.message}", one.group, one.name, warning=True))
