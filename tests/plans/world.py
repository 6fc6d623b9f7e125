"""A whole plan without machines: a spec, OpenTofu's words as recorded, nodes as a run left them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbootstrap import distros
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.order import Order, order
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.labels import ANNOTATION, patch
from kbootstrap.core.redact import Redactor
from kbootstrap.core.resources import terraform_modules
from kbootstrap.engine.cluster_plan import forbidden
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.checks import machines_made, replaced_nodes
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers import find as find_provider
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.spec.load import load_text
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.topology import nodes
from kbootstrap.tofu.plan import summarise
from tests.cluster.world import api, running
from tests.plans.changes import BASE
from tests.providers.contexts import define

RECORDED = Path(__file__).parent / "recorded"
PATH = Path("shop.yaml")


@dataclass(frozen=True)
class World:
    """A spec with the lock that its base has, and its rendered roots."""

    spec: Spec
    lock: Lock
    roots: Mapping[str, RenderedRoot]


def world(text: str) -> World:
    """Return the world of a spec; pools of the base keep their addresses, as the lock file makes them."""
    spec = load_text(text, PATH).checked(PATH)
    first = Lock() if text == BASE else world(BASE).lock
    lock = allocate(spec, first)
    roots = {c.name: find_provider(c.provider.name).render(define(spec, c, lock)) for c in spec.clusters}
    return World(spec, lock, roots)


def recorded(name: str) -> Any:  # noqa: ANN401 (JSON)
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def document(name: str, text: str) -> PlanDocument:
    """Return the plan of an edited spec: OpenTofu's half as recorded, the nodes' half decided now."""
    base, now = world(BASE), world(text)
    outputs, plans = recorded("outputs"), recorded(name)
    found = [_found(base, now, cluster, plans[cluster.name], outputs) for cluster in now.spec.clusters]
    names = [cluster.name for cluster in now.spec.clusters]
    left = tuple(cluster.name for cluster in base.spec.clusters if cluster.name not in names)
    return PlanDocument(now.spec.name, tuple(entry(one, Redactor().clean) for one in found), left)


def _found(
    base: World, now: World, cluster: Cluster, plan: Mapping[str, Any], outputs: Mapping[str, Any]
) -> ClusterFindings:
    tree = assemble(PATH.name, {cluster.name: now.roots[cluster.name]}, read_modules(terraform_modules()))
    places = Provenance.of(now.roots[cluster.name], tree.files, cluster.name, now.spec.source)
    summary = summarise(plan, cluster.name, places, find_provider(cluster.provider.name).traits.resources)
    made = outputs.get(cluster.name, {}).get("kbootstrap", {})
    known = made.get("nodes", {})
    wish = _desired(now, cluster, made) if made else None
    made_again = machines_made(summary)
    steps, sequence = None, Order()
    if wish:
        old = _desired(base, base.spec.cluster(cluster.name), made)
        there = {node.name: running(old, node.name) for node in old.nodes}
        seen = api(old, {"*": {}, **{n.name: _reported(n.labels, n.taints) for n in old.nodes}})
        facts = {n.name: there[n.name] for n in wish.nodes if n.name in there}
        wants = {node.name for node in wish.nodes}
        again = replaced_nodes(summary, (), ())
        removal = Removal(
            {name: node["role"] for name, node in known.items() if name not in wants},
            {name: known[name]["role"] for name in again if name in wants},
        )
        facts |= {name: there[name] for name in removal.removed}
        partial = any(n.name not in facts and n.name not in removal.replaced for n in wish.nodes)
        steps = decide(wish, facts, seen, partial=partial, removal=removal)
        sequence = order(removal, wish.nodes, steps.leaving)
    return ClusterFindings(
        cluster=cluster.name,
        infrastructure=summary,
        provider=cluster.provider.name,
        steps=steps,
        new=tuple(n.name for n in nodes(cluster, now.lock) if n.name not in known or n.name in made_again),
        source=now.spec.source,
        before={name: node["role"] for name, node in known.items()},
        after={node.name: node.role for node in nodes(cluster, now.lock)},
        versions=(base.spec.cluster(cluster.name).kubernetes.version,) if made else (),
        version=cluster.kubernetes.version,
        refusals=forbidden(now.spec, cluster, summary, known, frozenset(), seen=steps is not None),
        order=sequence,
    )


def _reported(labels: Mapping[str, str], taints: tuple[Any, ...]) -> dict[str, Any]:
    """Return what a Node object says after kbootstrap has set labels and taints."""
    done = patch(ApiNode("", ready=True, version=""), labels, taints) or {"metadata": {}}
    applied = done["metadata"].get("annotations", {}).get(ANNOTATION)
    return {"labels": dict(labels), "taints": [str(t) for t in taints], "applied": applied}


def _desired(shown: World, cluster: Cluster, made: Mapping[str, Any]) -> DesiredCluster:
    internal, external = (Endpoint(**made["endpoint"][side]) for side in ("internal", "external"))
    inventory = Inventory(cluster.name, {}, internal, external, certificate_names(cluster))
    distribution = distros.of(cluster.kubernetes)
    return desired_state(cluster, nodes(cluster, shown.lock), inventory, distribution)
