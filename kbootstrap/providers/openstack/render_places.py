"""Maps resources of the root module to spec paths, so that failures are shown at the line of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.providers.cloud.exposure import ranges
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.render.hcl import instance
from kbootstrap.render.root import module_name
from kbootstrap.render.skeleton import of_nodes
from kbootstrap.spec.model import Cluster, Node, pool_path
from kbootstrap.spec.topology import API_PORT

_OF_A_NODE = (
    "openstack_compute_instance_v2.node",
    "openstack_networking_port_v2.port",
    "openstack_networking_floatingip_v2.public",
    "openstack_networking_floatingip_associate_v2.public",
)

_OF_A_VOLUME = ("openstack_blockstorage_volume_v3.volume", "openstack_compute_volume_attach_v2.attachment")


def own_places(cluster: Cluster, nodes: Mapping[str, Sequence[Node]]) -> dict[str, SpecPath]:
    """Return the spec paths of HCL addresses or prefixes that are specific to this provider."""
    base: SpecPath = ("clusters", cluster.name)
    provider: SpecPath = (*base, "provider", "openstack")
    found: dict[str, SpecPath] = {
        "module.network.openstack_networking_router_v2.router": (*provider, "external_network"),
        "module.network.data.openstack_networking_network_v2.external": (*provider, "external_network"),
        "module.network.data.openstack_networking_network_v2.existing": (*provider, "existing", "network"),
        "module.network.data.openstack_networking_router_v2.existing": (*provider, "existing", "router"),
        "module.security": provider,
        "module.endpoint.openstack_lb_loadbalancer_v2.api": (*provider, "load_balancer"),
        "module.bastion": (*provider, "bastion"),
        "provider": provider,
        "var": (*base, "ssh"),
        "locals": provider,
    }
    for name, key in (("control-plane", "control_plane_subnet"), ("agents", "agents_subnet")):
        address = "module.network.data.openstack_networking_subnet_v2.existing"
        found[instance(address, name)] = (*provider, "existing", key)
        new = "module.network.openstack_networking_subnet_v2.subnet"
        found[instance(new, name)] = (*base, "network", name.replace("-", "_"))
    for index, bucket in enumerate(cluster.buckets):
        found["module.storage"] = (*base, "buckets")
        resource = "module.storage.openstack_objectstorage_container_v1.bucket"
        found[instance(resource, bucket.name)] = (*base, "buckets", index)
    for index, balancer in enumerate(cluster.load_balancers):
        found[f"module.ingress_{balancer.name}"] = (*base, "ingress", "load_balancers", index)
    found |= _rules(cluster, base)
    found |= of_nodes(cluster, nodes, _OF_A_NODE)
    for pool in (cluster.control_plane, *cluster.pools):
        module, path = f"module.{module_name(cluster, pool)}", pool_path(cluster, pool)
        found[f"{module}.openstack_compute_servergroup_v2.group"] = (*path, "anti_affinity")
        for node in nodes.get(pool.name, ()):
            found |= {
                instance(f"{module}.{resource}", f"{node.name}/{volume.name}"): (*path, "volumes", index)
                for index, volume in enumerate(pool.volumes)
                for resource in _OF_A_VOLUME
            }
    return found


def _rules(cluster: Cluster, base: SpecPath) -> dict[str, SpecPath]:
    """Map the rules of `allowed_cidrs` to their spec paths. Keys are those of the security module's table."""
    rule = "module.security.openstack_networking_secgroup_rule_v2.rule"
    bastion = settings(cluster).bastion
    groups = {"server": ("control_plane",), "none": ("control_plane", "agents")}
    found: dict[str, SpecPath] = {}
    for index, cidr in enumerate(ranges(cluster.api.allowed_cidrs)):
        place = (*base, "api", "allowed_cidrs", index)
        found[instance(rule, f"{cidr}->control_plane-tcp-{API_PORT}")] = place
    for index, cidr in enumerate(ranges(cluster.ssh.allowed_cidrs)):
        for group in groups[bastion] if isinstance(bastion, str) else ("bastion",):
            found[instance(rule, f"{cidr}->{group}-tcp-22")] = (*base, "ssh", "allowed_cidrs", index)
    return found
