"""The roles of the resources of `terraform-modules/openstack/`, and hints for error messages."""

from __future__ import annotations

from kbootstrap.providers.openstack.hints import HINTS
from kbootstrap.providers.traits import ProviderTraits
from kbootstrap.render.traits import ResourceTraits, SpecKey

TRAITS = ProviderTraits(
    hints=HINTS,
    resources=ResourceTraits(
        roles={
            "openstack_compute_instance_v2.node": "machine",
            "openstack_blockstorage_volume_v3.volume": "volume",
            "openstack_objectstorage_container_v1.bucket": "bucket",
            "openstack_networking_network_v2.network": "network",
            "openstack_networking_subnet_v2.subnet": "network",
            "openstack_networking_router_v2.router": "network",
            "openstack_networking_router_interface_v2.interface": "network",
            "openstack_networking_floatingip_v2.public": "address",
            "openstack_networking_floatingip_v2.api": "address",
            "openstack_networking_port_v2.api": "address",
            "openstack_lb_loadbalancer_v2.api": "address",
        },
        # A resize, or a rebuild on an empty disk (OpenStack provider, `compute_instance_v2`).
        disruptive=frozenset({"flavor_id", "flavor_name", "image_id", "image_name"}),
        # The provider waits at least 5 s for each, one after the other (`networking_secgroup_rule_v2`).
        contained=frozenset({"openstack_networking_secgroup_rule_v2.rule"}),
        keys={
            "flavor_id": SpecKey("pool", ("flavor",)),
            "flavor_name": SpecKey("pool", ("flavor",)),
            "image_id": SpecKey("provider", ("image",)),
            "image_name": SpecKey("provider", ("image",)),
            "address": SpecKey("subnet"),
            "allowed_cidrs": SpecKey("cluster", ("api", "allowed_cidrs")),
        },
    ),
    delete_machine="openstack server delete {name}",
)
