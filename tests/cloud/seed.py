"""Fills the cloud through its own APIs: `seed.py identity`, `seed.py wait HOSTS`, `seed.py resources`.

Runs inside the cloud, in its virtual environment; OS_CLIENT_CONFIG_FILE names its clouds.yaml.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ADMIN = "kbootstrap-lab-admin"
PASSWORD = "lab"
REGION = "lab"
API = "http://172.24.4.2"
IMAGE = Path("/run/cloud/run/image")
SERVICES = {
    "compute": ("nova", ":8774/v2.1"),
    "placement": ("placement", ":8778"),
    "network": ("neutron", ":9696"),
    "image": ("glance", ":9292"),
    "load-balancer": ("octavia", ":9876"),
    "block-storage": ("cinder", ":8776/v3/%(project_id)s"),
    "volumev3": ("cinderv3", ":8776/v3/%(project_id)s"),  # the OpenStack provider 1.x looks for this one
}
USER_ROLES = ("member", "load-balancer_member", "creator")
FLAVORS = {  # name: MiB of memory, virtual CPUs, GiB of disk
    "lab.tiny": (256, 1, 5),
    "lab.small": (1536, 1, 10),
    "lab.medium": (2048, 2, 20),
    "lab.large": (4096, 2, 40),
}
AGENTS_OF_CONTROL_PLANE = 4
_DEADLINE_SECONDS = 300


def identity(cloud: Any) -> None:
    """Make roles, the catalogue, the services' user, and the ordinary user `demo`."""
    keystone = cloud.identity
    for name in ("service", "load-balancer_member", "load-balancer_admin", "creator"):
        keystone.find_role(name) or keystone.create_role(name=name)
    for kind, (name, rest) in SERVICES.items():
        service = keystone.create_service(name=name, type=kind)
        for interface in ("public", "internal", "admin"):
            keystone.create_endpoint(
                service_id=service.id, interface=interface, region_id=REGION, url=f"{API}{rest}"
            )
    for name, roles in (("service", ("admin", "service")), ("demo", USER_ROLES)):
        project = keystone.create_project(name=name, domain_id="default")
        user = keystone.create_user(name=name, password=PASSWORD, domain_id="default")
        _assign(keystone, project, user, roles)
    admin = keystone.find_user("admin")
    for name in ("admin", "demo"):
        _assign(keystone, keystone.find_project(name), admin, ("admin", "load-balancer_admin"))


def _assign(keystone: Any, project: Any, user: Any, roles: tuple[str, ...]) -> None:
    for role in roles:
        keystone.assign_project_role_to_user(project, user, keystone.find_role(role))


def wait(cloud: Any, hosts: int) -> None:
    """Return when all agents, compute hosts and volume services are up, and the scheduler knows a backend."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not _complete(cloud, hosts):
        if time.monotonic() > deadline:
            sys.exit("not everything came up")
        time.sleep(0.5)


def _complete(cloud: Any, hosts: int) -> bool:
    try:
        agents = [it for it in cloud.network.agents() if it.is_alive]
        computes = [it for it in cloud.compute.hypervisors() if it.state == "up"]
        volumes = [it for it in cloud.block_storage.services() if it.state == "up"]
        pools = list(cloud.block_storage.backend_pools())
    except Exception as error:  # whatever a service says that only just starts
        _tell(repr(error))
        return False
    _tell(f"{len(agents)} agents, {len(computes)} hosts, {len(volumes)} volume services, {len(pools)} pools")
    network = len(agents) >= AGENTS_OF_CONTROL_PLANE + hosts
    return network and len(computes) >= hosts and len(volumes) >= 2 and bool(pools)


def resources(cloud: Any) -> None:
    """Make flavors, the image, the external network, and the volume type."""
    for name, (memory, cpus, disk) in FLAVORS.items():
        cloud.compute.create_flavor(name=name, ram=memory, vcpus=cpus, disk=disk)
    cloud.image.create_image(
        name="Debian 12",
        filename=str(IMAGE),
        disk_format="raw",
        container_format="bare",
        visibility="public",
        min_disk=0,
        min_ram=0,
        wait=True,
    )
    network = cloud.network.create_network(
        name="public",
        is_router_external=True,
        is_shared=False,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    cloud.network.create_subnet(
        name="public",
        network_id=network.id,
        ip_version=4,
        cidr="172.24.4.0/24",
        gateway_ip="172.24.4.1",
        is_dhcp_enabled=False,
        allocation_pools=[{"start": "172.24.4.100", "end": "172.24.4.250"}],
    )
    cloud.block_storage.create_type(name="standard")
    profile = cloud.load_balancer.create_flavor_profile(
        name="small", provider_name="haproxy", flavor_data="{}"
    )
    cloud.load_balancer.create_flavor(name="small", flavor_profile_id=profile.id, enabled=True)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Do the stage that the arguments name."""
    import openstack

    stages: dict[str, Callable[..., None]] = {"identity": identity, "wait": wait, "resources": resources}
    stages[sys.argv[1]](openstack.connect(cloud=ADMIN), *(int(word) for word in sys.argv[2:]))


if __name__ == "__main__":
    main()
