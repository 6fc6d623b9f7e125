"""Rows that only a cloud has. What the provider would plan is written by hand: planning needs a cloud.

Forms of the attributes: `openstack_compute_instance_v2` and `openstack_lb_loadbalancer_v2` of the OpenStack
provider, addresses as our modules give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kbootstrap.cluster.decide.order import order
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.desired import DesiredNode
from kbootstrap.core.redact import Redactor
from kbootstrap.core.resources import terraform_modules
from kbootstrap.engine.cluster_plan import forbidden
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.checks import replaced_nodes
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers import find as find_provider
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.spec.load import load_text
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.pins import ImagePin
from kbootstrap.spec.topology import nodes
from kbootstrap.tofu.plan import summarise
from tests.providers.contexts import define

SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: cloud
clusters:
  prod:
    provider: {openstack: {cloud: lab, external_network: public, image: {name: Debian 12}}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    network: {cidr: 10.60.0.0/16, control_plane: 10.60.0.0/24, agents: 10.60.4.0/22}
    api: {endpoint: load_balancer, allowed_cidrs: [192.0.2.0/24]}
    ssh: {allowed_cidrs: [192.0.2.0/24]}
    control_plane: {nodes: 3, flavor: medium}
    pools:
      - {name: web, nodes: 2, flavor: medium}
"""


def _machine(name: str, actions: list[str], attribute: str) -> dict[str, Any]:
    module = "control_plane" if "control-plane" in name else "pool_web"
    change: dict[str, Any] = {
        "actions": actions,
        "before": {attribute: "old"},
        "after": {attribute: "new"},
        "replace_paths": [[attribute]] if "delete" in actions else [],
    }
    return {
        "address": f'module.{module}.openstack_compute_instance_v2.node["{name}"]',
        "type": "openstack_compute_instance_v2",
        "change": change,
        "action_reason": "replace_because_cannot_update" if "delete" in actions else None,
    }


_SERVERS = [f"prod-control-plane-{number}" for number in (1, 2, 3)]
_LISTENER = {
    "address": "module.endpoint.openstack_lb_listener_v2.api[0]",
    "type": "openstack_lb_listener_v2",
    "change": {
        "actions": ["update"],
        "before": {"allowed_cidrs": ["192.0.2.0/24"]},
        "after": {"allowed_cidrs": ["0.0.0.0/0"]},
    },
}
CLOUD: Mapping[str, tuple[str, str, list[dict[str, Any]]]] = {
    "new-flavor": (
        "{nodes: 3, flavor: medium}",
        "{nodes: 3, flavor: large}",
        [_machine(name, ["update"], "flavor_name") for name in _SERVERS],
    ),
    "new-image": (
        "{name: Debian 12}",
        "{name: Debian 13}",
        [
            _machine(name, ["delete", "create"], "image_id")
            for name in [*_SERVERS, "prod-web-1", "prod-web-2"]
        ],
    ),
    "api-exposure": (
        "load_balancer, allowed_cidrs: [192.0.2.0/24]",
        "load_balancer, allowed_cidrs: [0.0.0.0/0]",
        [_LISTENER],
    ),
}
"""What is edited, and what the provider answers."""


def cloud_document(name: str) -> PlanDocument:
    """Return the plan of a row; the nodes of this cloud have nothing to do."""
    old, new, changes = CLOUD[name]
    assert old in SPEC
    path = Path("cloud.yaml")
    spec = load_text(SPEC.replace(old, new, 1), path).checked(path)
    (cluster,) = spec.clusters
    image = cluster.provider.settings["image"]["name"]
    lock = allocate(spec, Lock()).with_image("prod", ImagePin(image, "00000000-0000-4000-8000-000000000000"))
    root = find_provider("openstack").render(define(spec, cluster, lock))
    tree = assemble("cloud.yaml", {"prod": root}, read_modules(terraform_modules()))
    places = Provenance.of(root, tree.files, "prod", spec.source)
    traits = find_provider("openstack").traits.resources
    summary = summarise({"resource_changes": changes}, "prod", places, traits)
    roles = {node.name: node.role for node in nodes(cluster, lock)}
    found = ClusterFindings(
        cluster="prod",
        infrastructure=summary,
        provider="openstack",
        source=spec.source,
        before=roles,
        after=roles,
        version=cluster.kubernetes.version,
        refusals=forbidden(spec, cluster, summary, roles, frozenset(), seen=True),
        order=order(
            Removal({}, {name: roles[name] for name in replaced_nodes(summary, (), ())}),
            [DesiredNode(n.name, n.role, n.pool, (), {}, ()) for n in nodes(cluster, lock)],
            (),
        ),
    )
    return PlanDocument(spec.name, (entry(found, Redactor().clean),))
