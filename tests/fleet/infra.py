"""The infrastructure of a simulated fleet: what OpenTofu does, without it (the provider: `provider.py`).

In a cloud OpenTofu takes a minute, and nodes are installed meanwhile; else everything is there at once.

Addresses, dependencies and triggers are those of `terraform-modules/local`: a target takes in what it depends
on with all instances of it, and a plan with targets moves nothing.
"""

# ruff: noqa: ARG002 - arguments as the contracts have them

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kbootstrap.core.errors import TofuFailed
from kbootstrap.engine.context import Context
from kbootstrap.providers.context import ProviderContext
from kbootstrap.render.address import key
from kbootstrap.render.address import node as node_of
from kbootstrap.render.hcl import instance
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.render.root import module_name
from kbootstrap.spec.topology import endpoint_address
from kbootstrap.tofu.commands import PLAN_FILE
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange, judged
from kbootstrap.tofu.state import State
from kbootstrap.tofu.stream import OnCreated, unheard
from tests.fleet.elastic import Counted
from tests.fleet.world import SERVERS, World

ENDPOINT = "module.endpoint.terraform_data.endpoint"
NETWORK = "module.network.terraform_data.network"
NETWORK_AT, MACHINES_AT, BALANCER_AT = 2.0, 10.0, 60.0
"""Seconds after which OpenTofu has created these in a cloud; machines one by one, the last one late."""
T = TypeVar("T")
Resources = dict[str, dict[str, str]]


class Gate(Counted, Protocol):
    """What counts calls, and may cut the run at one."""

    plans: dict[str, Plan]

    async def wait(self, seconds: float) -> None:
        """Let time pass."""


@dataclass(frozen=True)
class Change:
    """One address, what it was and what it shall be."""

    address: str
    before: dict[str, str] | None
    after: dict[str, str] | None
    asked: bool

    @property
    def kind(self) -> Kind:
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "replace"


@dataclass(frozen=True)
class Plan:
    """A plan that was kept: from which state to which."""

    changes: tuple[Change, ...]
    moved: Resources


def desired_cluster(context: Context | ProviderContext) -> Resources:
    """Return what the spec wants, as a state."""
    cluster = context.cluster
    modules = {pool.name: module_name(cluster, pool) for pool in (cluster.control_plane, *cluster.pools)}
    found: Resources = {NETWORK: {}, ENDPOINT: {"address": str(endpoint_address(cluster))}}
    servers = [str(node.address) for node in context.nodes if node.role == "server"]
    found[SERVERS] = {"servers": " ".join(servers)}
    born = {pool.name: pool.born for pool in (cluster.control_plane, *cluster.pools)}
    for node in context.nodes:
        module = f"module.{modules[node.pool]}.terraform_data"
        found[instance(f"{module}.node", node.name)] = {
            "address": str(node.address),
            "role": node.role,
            "pool": born[node.pool],
        }
        found[instance(f"{module}.authorized_keys", node.name)] = {}
    return found


def moved(context: Context, state: Resources) -> tuple[Resources, tuple[tuple[str, str], ...]]:
    """Return the state with renamed pools at their new addresses, and which moved."""
    result, moves = dict(state), []
    for pool in context.cluster.pools:
        new = f"module.pool_{pool.name}"
        for former in pool.renamed_from:
            old = f"module.pool_{former}"
            for address in [a for a in result if a.startswith(f"{old}.")]:
                result[new + address.removeprefix(old)] = result.pop(address)
                moves.append((old, new))
    return result, tuple(sorted(set(moves)))


def _needed(targets: Collection[str]) -> set[str]:
    """Return the beginnings of addresses that targets take in besides."""
    found = {NETWORK} if targets else set()
    for target in targets:
        if ".authorized_keys[" in target:
            found.add(target.partition(".authorized_keys[")[0] + ".node[")
        if target == SERVERS:
            found |= {ENDPOINT, "module.control_plane."}
    return found


def changes(
    before: Resources, wanted: Resources, replace: Collection[str], targets: Collection[str]
) -> tuple[Change, ...]:
    """Return what a plan would do, as OpenTofu decides it."""
    asked = set(replace)
    replaced = {a for a in before if a in wanted and (a in asked or _values(before[a]) != wanted[a])}
    # Keys are of a machine, and servers behind the endpoint are of the endpoint.
    replaced |= {a for a in before if a in wanted and a.replace(".authorized_keys[", ".node[") in replaced}
    if ENDPOINT in replaced:
        replaced.add(SERVERS)
    every = [
        *(Change(a, None, wanted[a], asked=False) for a in wanted if a not in before),
        *(Change(a, before[a], wanted[a], asked=a in asked) for a in replaced),
        *(Change(a, before[a], None, asked=False) for a in before if a not in wanted),
    ]
    taken = _needed(targets)
    return tuple(
        change
        for change in sorted(every, key=lambda change: change.address)
        if not targets or change.address in targets or any(change.address.startswith(one) for one in taken)
    )


def _values(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if name != "instance"}


@dataclass(frozen=True)
class Tofu:
    """Answers for OpenTofu. `gate` counts what is asked of it, and may cut the run there."""

    world: World
    context: Context
    gate: Gate
    cloud: bool = False
    provenance: Provenance = NOWHERE

    @property
    def root(self) -> Path:
        self.context.space.root.mkdir(parents=True, exist_ok=True)
        return self.context.space.root

    @property
    def planfile(self) -> Path:
        return self.root / PLAN_FILE

    async def state(self) -> State:
        state = {address: _id(address, one) for address, one in self.world.state.items()}
        ids = frozenset(state.values())
        return State(self.outputs(), state, ids, identity=str(self.world.counter))

    def outputs(self) -> Mapping[str, Any]:
        state = self.world.state
        if not any(".node[" in address for address in state) or SERVERS not in state:
            return {}
        nodes = {
            str(key(a)): {**state[a], "instance": state[a]["instance"]}
            for a in sorted(state)
            if ".node[" in a
        }
        endpoint = {
            "internal": {"host": state[ENDPOINT]["address"], "port": 6443},
            "external": {"host": "127.0.0.1", "port": 26443},
        }
        own = {"spec": self.context.spec.name, "cluster": self.context.cluster.name}
        return {"kbootstrap": {**own, "endpoint": endpoint, "nodes": nodes}}

    async def plan(
        self, out: Path, *, replace: Sequence[str] = (), targets: Sequence[str] = (), frozen: str = ""
    ) -> PlanSummary:
        assert not frozen
        state, moves = moved(self.context, self.world.state)
        if targets and moves:
            raise AssertionError("OpenTofu: moved resource instances are excluded by targeting")
        found = changes(state, desired_cluster(self.context), replace, targets)
        plans = self.gate.plans
        plans[str(out)] = Plan(found, state)
        touched = {c.address.split(".terraform_data")[0] for c in found if ".node[" in c.address}
        return PlanSummary(tuple(map(self._shown, found)), (), tuple(sorted(touched)), moves)

    def _shown(self, change: Change) -> ResourceChange:
        actions = {"create": ("create",), "delete": ("delete",), "replace": ("delete", "create")}
        shown = ResourceChange(
            address=change.address,
            type="terraform_data",
            kind=change.kind,
            actions=actions[change.kind],
            node=node_of(change.address, self.context.cluster.name),
            because=() if change.asked or change.kind != "replace" else ("triggers_replace",),
            reason="replace_by_request" if change.asked else None,
            spec=None,
        )
        return judged(shown, self.context.provider.traits.resources)

    async def apply(self, planfile: Path, on_created: OnCreated = unheard) -> None:
        plan: Plan = self.gate.plans[str(planfile)]
        if self.cloud and all(change.kind == "create" for change in plan.changes):
            await self._create(plan, on_created)
        else:
            await self.gate.call("tofu apply", lambda: self._carry_out(plan), seconds=3.0)

    async def _create(self, plan: Plan, on_created: OnCreated) -> None:
        """One resource after the other; when kbootstrap is killed, OpenTofu goes on alone to the end."""
        world, told = self.world, set(self.world.state)
        world.state = dict(plan.moved)

        def begin() -> None:
            world.broke, world.creating = False, {c.address: dict(c.after or {}) for c in plan.changes}
            for seconds, address in _moments(plan):
                world.later(seconds, "create", address)

        await self.gate.call("tofu apply", begin, seconds=0.5)
        while True:
            for address in [one for one in world.state if one not in told]:
                told.add(address)
                on_created(address, _id(address, world.state[address]))
            if world.broke:
                raise TofuFailed("OpenTofu could not apply the changes of cluster sim", code="KB0501")
            if not world.creating:
                return
            await self.gate.wait(0.5)

    def _carry_out(self, plan: Plan) -> None:
        """Everything at once: when kbootstrap is killed, OpenTofu goes on alone to the end."""
        world = self.world
        world.state = dict(plan.moved)
        for change in plan.changes:
            name = key(change.address)
            machine = ".node[" in change.address
            if machine and change.before is not None and name in world.machines:
                # By its mark, not by its name; what was a pool's that is gone has no provisioners.
                orphan = change.after is None and not _module_wanted(self.context, change.address)
                if not orphan and world.machines[str(name)].instance == change.before["instance"]:
                    world.destroy(str(name))
                    world.touched.append(("destroy", str(name)))
            if change.after is None:
                del world.state[change.address]
                continue
            world.state[change.address] = dict(change.after)
            if machine:
                instance = world.make(str(name), change.after["address"])
                world.state[change.address]["instance"] = instance
        world.endpoint = world.state.get(SERVERS, {}).get("servers", "").split()

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:
        return {}

    async def destroy(self) -> None:
        """Everything at once, as `_carry_out`; what is missing already is no error."""

        def all_of_it() -> None:
            world = self.world
            for address, attributes in world.state.items():
                name = str(key(address))
                if ".node[" in address and name in world.machines:
                    assert world.machines[name].instance == attributes["instance"]
                    world.dissolve(name)
            world.state, world.endpoint = {}, []

        await self.gate.call("tofu destroy", all_of_it, seconds=5.0)

    async def state_remove(self, addresses: Sequence[str]) -> None:
        raise NotImplementedError

    async def untaint(self, address: str) -> None:
        raise NotImplementedError


def _id(address: str, attributes: Mapping[str, str]) -> str:
    return attributes.get("instance", f"id of {address}")


def _moments(plan: Plan) -> Iterator[tuple[float, str]]:
    """Yield when each resource of a plan is created in a cloud."""
    machines = [change.address for change in plan.changes if ".node[" in change.address]
    for change in plan.changes:
        if change.address in (ENDPOINT, SERVERS):
            yield BALANCER_AT, change.address
        elif change.address == NETWORK:
            yield NETWORK_AT, change.address
        else:
            node = change.address.replace(".authorized_keys[", ".node[")
            late = 2 * machines.index(node) if node in machines else 0
            yield MACHINES_AT + (late * 4 if node == machines[-1] else late), change.address


def _module_wanted(context: Context, address: str) -> bool:
    pools = (context.cluster.control_plane, *context.cluster.pools)
    return any(address.startswith(f"module.{module_name(context.cluster, pool)}.") for pool in pools)
