"""Groups, states and a spec for tests of the autoscaler."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from kbootstrap.autoscaler.model import Group, Instance, Phase, SeenNode, State
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase

NOW = 1_700_000_000.0
SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: shop
prices: {currency: CHF, flavors: {small: 0.05, large: 0.2}}
defaults:
  provider:
    openstack: {cloud: mycloud, image: {name: Debian 13}, external_network: public}
  kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
clusters:
  prod:
    network: {cidr: 10.0.0.0/16, control_plane: 10.0.0.0/24, agents: 10.0.4.0/22}
    control_plane: {nodes: 1, flavor: small}
    pools:
      - name: web
        flavor: small
        labels: {tier: web}
        taints: ["dedicated=web:NoSchedule"]
        autoscaling: {min: 1, max: 5, flavors: [small, large]}
      - name: jobs
        flavor: small
        autoscaling: {min: 0, max: 200, scale_down_after: 90s}
      - {name: fixed, nodes: 1, flavor: small}
"""


def write_spec(folder: Path, text: str = SPEC) -> Path:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def small(**more: object) -> Group:
    """The pool `web` of one static node and at most five; its own flavor."""
    values: dict[str, object] = {
        "id": "web/small",
        "pool": "web",
        "flavor": "small",
        "minimum": 1,
        "maximum": 5,
        "prefix": "prod-web-",
        "static": frozenset({"prod-web-1"}),
        "addresses": tuple(f"10.0.1.{host}" for host in range(30, 20, -1)),
    }
    return Group(**{**values, **more})  # type: ignore[arg-type]


def large() -> Group:
    """The same pool's second flavor."""
    return small(id="web/large", flavor="large", minimum=0, static=frozenset())


def state(
    *instances: Instance, groups: tuple[Group, ...] = (), nodes: tuple[str, ...] = ("prod-web-1",)
) -> State:
    found = groups or (small(), large())
    return State(
        "k3s",
        groups={one.id: one for one in found},
        instances={one.name: one for one in instances},
        nodes={name: SeenNode(name, f"k3s://{name}", ready=True) for name in nodes},
    )


def one(
    name: str = "prod-web-b", phase: Phase = Phase.RUNNING, group: str = "web/small", **more: object
) -> Instance:
    """An instance with a machine, unless nothing was requested of it."""
    since = more.pop("since", NOW - 100)
    asked = phase is not Phase.WANTED
    found = machine(name, group) if asked and "machine" not in more else None
    values = {"machine": found, "requested": asked, "address": found.address if found else "", **more}
    return Instance(name, group, phase, since, **values)  # type: ignore[arg-type]


def machine(
    name: str = "prod-web-b",
    group: str = "web/small",
    phase: MachinePhase = MachinePhase.RUNNING,
    **more: object,
) -> ElasticMachine:
    pool, _, flavor = group.partition("/")
    values: dict[str, object] = {"id": f"id-{name}", "created": NOW - 100, "address": "10.0.1.30", **more}
    return ElasticMachine(name=name, pool=pool, flavor=flavor, phase=phase, **values)  # type: ignore[arg-type]


def fresh(prefix: str = "prod-web-n") -> Iterator[str]:
    return (f"{prefix}{number}" for number in count(1))
