"""Worlds for tests: desired clusters, and machines in the states that runs leave behind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, Literal

from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.state.node_facts import INITIAL, Installed, NodeFacts
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.distros import find
from kbootstrap.inventory.model import Endpoint, Inventory
from kbootstrap.spec.model import Taint
from tests.distros.samples import cluster, nodes

CA = "c0ffee" + 58 * "0"
OTHER_CA = "bad" + 61 * "0"
INTERNAL, EXTERNAL = Endpoint("10.9.0.10", 6443), Endpoint("127.0.0.1", 26443)
ACTIVE = UnitState("loaded", "active", "running", enabled=True)


def desired_cluster(
    servers: int = 1,
    agents: int = 1,
    *,
    version: str = "v1.32.0+k3s1",
    distribution: Literal["k3s", "rke2"] = "k3s",
    labels: dict[str, str] | None = None,
    taints: tuple[str, ...] = (),
    pod_cidr: str = "10.42.0.0/16",
    profile: Literal["cis"] | None = None,
    local: Mapping[str, LocalFile] | None = None,
    bundled: Mapping[str, bool] | None = None,
) -> DesiredCluster:
    """Return a desired cluster; labels and taints are those of agents."""
    spec = cluster(
        servers=servers, agents=agents, version=version, distribution=distribution, profile=profile
    )
    spec = replace(spec, kubernetes=replace(spec.kubernetes, pod_cidr=IPv4Network(pod_cidr)))
    parsed = tuple(taint(text) for text in taints)
    many = [
        replace(n, labels=labels or {}, taints=parsed) if n.role == "agent" else n
        for n in nodes(servers, agents)
    ]
    inventory = Inventory("local", {}, INTERNAL, EXTERNAL, ("10.9.0.10", "127.0.0.1"))
    return replace(desired_state(spec, many, inventory, find(distribution), local), bundled=bundled or {})


def taint(text: str) -> Taint:
    left, _, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    return Taint(key, value, effect)  # type: ignore[arg-type]


def fresh(name: str) -> NodeFacts:
    """A machine that has just been made."""
    return NodeFacts(
        name=name,
        os="Debian GNU/Linux 12 (bookworm)",
        arch="amd64",
        hostname=name,
        cpus=2,
        memory=4000,
        disk_data=20000,
        disk_binary=20000,
        systemd=True,
        cgroup_memory=True,
        default_route=True,
    )


def staged(plan: DesiredCluster, name: str) -> NodeFacts:
    """A machine that has everything but a join, a token and a started service: a run was cut."""
    node = plan.node(name)
    return replace(
        fresh(name),
        claimed=plan.cluster,
        traces=(plan.distro.paths.binary,),
        files={f.path: hashlib.sha256(f.content.encode()).hexdigest() for f in node.files},
        texts={f.path: f.content for f in node.files},
        artifacts={a.path: Installed("5" * 64, plan.version, intact=True) for a in plan.artifacts["amd64"]},
        units={plan.distro.unit(node.role): UnitState("loaded")},
    )


def running(plan: DesiredCluster, name: str, *, initial_server: bool | None = None) -> NodeFacts:
    """A node as a finished run leaves it. By default the first server is the initial one."""
    node = plan.node(name)
    server = node.role == "server"
    first = name == plan.servers[0].name if initial_server is None else initial_server
    join = plan.distro.join_file(role=node.role, initial=server and first, registration=plan.registration)
    base = staged(plan, name)
    return replace(
        base,
        files={**base.files, join.path: hashlib.sha256(join.content.encode()).hexdigest()},
        texts={**base.texts, join.path: join.content},
        units={plan.distro.unit(node.role): ACTIVE},
        etcd=server,
        cluster_id=CA if server else None,
        token="short" if server and first else "full",
        token_ca=None if server and first else CA,
        agent_token=server,
        join=INITIAL if server and first else plan.registration,
        node_password=True,
    )


def facts(plan: DesiredCluster, states: Mapping[str, Any]) -> dict[str, NodeFacts]:
    """Make facts from a case: `is` names a state above; other keys replace fields; `unit` the role's unit.

    The entry `*` holds for all nodes without one of their own; a node that is null has no facts.
    """
    found = {}
    for node in plan.nodes:
        given = states.get(node.name, states.get("*", {}))
        if given is None:
            continue
        found[node.name] = _one(plan, node.name, dict(given))
    return found


def _one(plan: DesiredCluster, name: str, given: dict[str, Any]) -> NodeFacts:
    state = given.pop("is", "fresh")
    base = fresh(name) if state == "fresh" else (staged if state == "staged" else running)(plan, name)
    unit = plan.distro.unit(plan.node(name).role)
    if "unit" in given:
        base = replace(base, units={unit: replace(base.unit(unit), load="loaded", **given.pop("unit"))})
    if "units" in given:
        given["units"] = {key: UnitState(**value) for key, value in given["units"].items()}
    if "files" in given:
        given["files"] = _merged(base.files, given["files"])
    if "texts" in given:
        given["texts"] = _merged(base.texts, given["texts"])
    if "artifacts" in given:
        changed = {p: Installed(**v) if v else None for p, v in given["artifacts"].items()}
        given["artifacts"] = _merged(base.artifacts, changed)
    for key in ("traces", "others"):
        if key in given:
            given[key] = tuple(given[key])
    for key in ("programs", "cgroups", "lacking_modules", "listening"):
        if key in given:
            given[key] = frozenset(given[key])
    if "mounts" in given:
        given["mounts"] = {folder: frozenset(options) for folder, options in given["mounts"].items()}
    return replace(base, **given)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge; null removes."""
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def api(plan: DesiredCluster, states: Mapping[str, Any] | None) -> ApiFacts | None:
    """Make API facts from a case; the entry `*` holds for all desired nodes, null removes one."""
    if states is None:
        return None
    every = states.get("*")
    names = [n.name for n in plan.nodes] if every is not None else []
    found = {}
    for name in dict.fromkeys([*names, *(n for n in states if n != "*")]):
        given = states.get(name, every)
        if given is not None:
            found[name] = _api_node(plan, name, {**(every or {}), **given})
    return ApiFacts(found)


def _api_node(plan: DesiredCluster, name: str, given: dict[str, Any]) -> ApiNode:
    if "taints" in given:
        given["taints"] = tuple(taint(text) for text in given["taints"])
    return replace(ApiNode(name, ready=True, version=plan.version, resource_version="7"), **given)
