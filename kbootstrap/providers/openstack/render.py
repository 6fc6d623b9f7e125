"""Renders the root module of an OpenStack cluster. The logic is in `terraform-modules/openstack/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.providers.openstack import render_machines, render_network
from kbootstrap.providers.openstack.render_places import own_places
from kbootstrap.providers.openstack.settings import BastionMachine, Settings, settings
from kbootstrap.render.hcl import Block, Comment, Item, Raw, Value, document
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.root import nodes_by_pool, ssh_keys_variable
from kbootstrap.render.skeleton import skeleton
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec

MODULES = ("openstack/network", "openstack/security", "openstack/endpoint", "openstack/nodes")
BASTION, INGRESS, STORAGE = "openstack/bastion", "openstack/ingress", "openstack/storage"
SOURCE, VERSION = "terraform-provider-openstack/openstack", ">= 1.54.1, < 4.0.0"
"""The Terraform provider, and its versions that are compatible with the modules."""


def render(spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:
    """Return the root module of the cluster. Pure and byte-stable.

    Raises `SpecInvalid` (KB0353) if the image is set by name and the lock has no ID for it, and ValueError if
    the lock lacks the pools' blocks.
    """
    chosen = settings(cluster)
    nodes = nodes_by_pool(cluster, lock)
    files, places = skeleton(
        spec,
        cluster,
        lambda pool: render_machines.pool(cluster, pool, nodes.get(pool.name, ())),
        _outputs(cluster),
    )
    files |= {
        "versions.tf": _versions(),
        "providers.tf": document(Block("provider", "openstack", body=_provider(chosen))),
        "variables.tf": _variables(),
        "cluster.tf": render_machines.shared(spec, cluster, lock),
        "network.tf": render_network.network(cluster),
        "security.tf": render_network.security(cluster),
        "endpoint.tf": render_network.endpoint(cluster, nodes[cluster.control_plane.name]),
    }
    modules: tuple[str, ...] = MODULES
    if isinstance(chosen.bastion, BastionMachine):
        files["bastion.tf"] = render_machines.bastion(cluster, chosen.bastion)
        modules += (BASTION,)
    for balancer in cluster.load_balancers:
        files[f"ingress_{balancer.name}.tf"] = render_network.ingress(cluster, balancer)
    if cluster.load_balancers:
        modules += (INGRESS,)
    if cluster.buckets:
        files["storage.tf"] = _storage(cluster)
        modules += (STORAGE,)
    places |= own_places(cluster, nodes)
    return RenderedRoot(files, modules, places, providers=("openstack",))


def freeze(cluster: Cluster, lock: Lock, machines: Mapping[str, Mapping[str, Any]]) -> str:
    """Return an HCL override file that keeps the current flavor of machines (attributes by node)."""
    nodes = nodes_by_pool(cluster, lock)
    blocks = []
    for pool in (cluster.control_plane, *cluster.pools):
        some = nodes.get(pool.name, ())
        flavors = {n.name: machines[n.name].get("flavor_name") for n in some if n.name in machines}
        if known := {name: flavor for name, flavor in flavors.items() if flavor and flavor != pool.flavor}:
            blocks.append(render_machines.frozen(cluster, pool, some, known))
    return document(*blocks) if blocks else ""


def _versions() -> str:
    wanted: dict[str, Value] = {"openstack": {"source": SOURCE, "version": VERSION}}
    body: list[Item] = [{"required_version": ">= 1.5.0"}, Block("required_providers", body=wanted)]
    return document(Block("terraform", body=body))


def _provider(chosen: Settings) -> dict[str, Value]:
    """Return the settings of the Terraform provider. Without a cloud it uses the OS_* environment."""
    named = {"cloud": chosen.cloud, "region": chosen.region}
    return {key: value for key, value in named.items() if value is not None}


def _variables() -> str:
    return document(
        Comment("Known on this machine only; kbootstrap passes it as TF_VAR_…."),
        ssh_keys_variable(),
    )


def _storage(cluster: Cluster) -> str:
    body: list[Item] = [
        {"source": "../modules/openstack/storage", "cluster": Raw("local.cluster")},
        {"buckets": {bucket.name: {"versioning": bucket.versioning} for bucket in cluster.buckets}},
    ]
    return document(Block("module", "storage", body=body))


def _outputs(cluster: Cluster) -> dict[str, Value]:
    balancers = {b.name: Raw(f"module.ingress_{b.name}.load_balancer") for b in cluster.load_balancers}
    own: dict[str, Value] = {"bastion": _bastion(cluster)}
    if balancers:
        own["load_balancers"] = balancers
    return own


def _bastion(cluster: Cluster) -> Value:
    """Return the SSH bastion: a machine, the first server, or None."""
    chosen = settings(cluster).bastion
    if chosen == "none":
        return None
    if isinstance(chosen, BastionMachine):
        return Raw("module.bastion.bastion")
    server = render_network.first_server(cluster)
    return {
        "address": Raw(f"{server}.public_address"),
        "user": Raw("local.ssh_user"),
        "instance": Raw(f"{server}.instance"),
    }
