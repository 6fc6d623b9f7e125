"""What is requested for an elastic machine: the same as the module `nodes` makes of a node."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import SpecInvalid, WrongUsage
from kbootstrap.providers.elastic import MachineOrder, MachinePhase
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.elastic_order import ServerGroupName, server_request
from kbootstrap.providers.openstack.user_data import user_data
from kbootstrap.spec.lock import Lock, allocate
from tests.providers.openstack.cloud import KEY
from tests.providers.openstack.elastic import POOLS, ServersCloud, elastic_context

NAME = "prod-web-bcdfg"
MODULE = Path(__file__).parents[3] / "terraform-modules/openstack/nodes/nodes.tf"
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
LONG = f'ssh-ed25519 {BLOB} anna <anna@x> "é" \\ ü'


def order(address: str = "10.20.4.38") -> MachineOrder:
    return MachineOrder(NAME, "web", "large", address)


def test_user_data_is_that_of_the_module() -> None:
    """As OpenTofu 1.12 encodes it, with the text folded after the first space beyond 80 characters."""
    assert user_data("kbootstrap", [LONG, "ssh-rsa AA b"]) == (
        "#cloud-config\n"
        '"ssh_pwauth": false\n'
        '"users":\n'
        '- "default"\n'
        '- "lock_passwd": true\n'
        '  "name": "kbootstrap"\n'
        '  "shell": "/bin/bash"\n'
        '  "ssh_authorized_keys":\n'
        '  - "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n'
        '    anna <anna@x> \\"é\\" \\\\ ü"\n'
        '  - "ssh-rsa AA b"\n'
        '  "sudo": "ALL=(ALL) NOPASSWD:ALL"\n'
    )
    keys = re.findall(r"^\s+(\w+)\s+= ", MODULE.read_text().partition("user_data = ")[2], re.MULTILINE)
    own = {"name", "shell", "sudo", "lock_passwd", "ssh_authorized_keys"}
    assert set(keys) == own | {"users", "ssh_pwauth"}, "the module changed"


def test_the_request(tmp_path: Path) -> None:
    context = elastic_context(tmp_path, "key_pair: ops, availability_zones: [a, b, c]")
    request = server_request(context, order(), [KEY])
    body = dict(request.body)
    assert base64.b64decode(body.pop("user_data")).decode() == user_data("kbootstrap", [KEY])
    assert body == {
        "name": NAME,
        "image_id": "img-1",
        "key_name": "ops",
        "availability_zone": "c",
        "metadata": {
            "kbootstrap.spec": "demo",
            "kbootstrap.cluster": "prod",
            "kbootstrap.pool": "web",
            "kbootstrap.role": "agent",
            "kbootstrap.elastic": "yes",
            "kbootstrap.flavor": "large",
            "kbootstrap.address": "10.20.4.38",
        },
    }
    assert request.group == ServerGroupName("demo-prod-web-e2", "soft-anti-affinity")


def test_zone_and_group_follow_from_the_address(tmp_path: Path) -> None:
    """As they do from the ordinal of other nodes."""
    context = elastic_context(tmp_path, "availability_zones: [a, b]")
    found = [server_request(context, order(f"10.20.4.{host}"), []) for host in (27, 28, 36, 37)]
    assert [one.body["availability_zone"] for one in found] == ["a", "b", "b", "a"]
    assert [one.group and one.group.name[-2:] for one in found] == ["e1", "e1", "e1", "e2"]


def test_a_boot_volume_is_deleted_with_its_machine(tmp_path: Path) -> None:
    context = elastic_context(tmp_path, "boot_volume: {size_gib: 30, type: ssd}")
    body = server_request(context, order(), []).body
    assert "image_id" not in body
    (device,) = body["block_device_mapping"]
    assert device == {
        "boot_index": 0,
        "source_type": "image",
        "uuid": "img-1",
        "destination_type": "volume",
        "volume_size": 30,
        "volume_type": "ssd",
        "delete_on_termination": True,
    }


def test_what_is_no_order_of_this_cluster(tmp_path: Path) -> None:
    context = elastic_context(tmp_path)
    with pytest.raises(WrongUsage, match="has no pool 'db'"):
        server_request(context, MachineOrder(NAME, "db", "large", "10.20.4.38"), [])
    with pytest.raises(WrongUsage, match=r"10\.9\.9\.9 is no address of pool web"):
        server_request(context, order("10.9.9.9"), [])
    unpinned = replace(context, lock=allocate(context.spec, Lock()))
    with pytest.raises(SpecInvalid) as raised:
        server_request(unpinned, order(), [])
    assert raised.value.code == "KB0353"


async def test_what_the_cloud_gets(tmp_path: Path) -> None:
    """One request: network, security group, flavor and server group by their IDs, and nothing secret."""
    with ServersCloud() as cloud:
        (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
        context = elastic_context(tmp_path)
        machines = PROVIDER.elastic_machines
        assert machines is not None
        await machines.create(context, order())
        (body,) = cloud.made
        (group,) = cloud.things["compute/os-server-groups"]
    server = body["server"]
    assert server["networks"] == [{"uuid": "net", "fixed_ip": "10.20.4.38"}]
    assert server["security_groups"] == [{"name": "sg-agents"}]
    assert (server["flavorRef"], server["imageRef"]) == ("f-large", "img-1")
    assert body["OS-SCH-HNT:scheduler_hints"] == {"group": group["id"]}
    assert (group["name"], group["policy"]) == ("demo-prod-web-e2", "soft-anti-affinity")
    text = json.dumps(body) + base64.b64decode(server["user_data"]).decode()
    assert not re.search(r"K10|token|password(?!d)|secret", text.replace("lock_passwd", ""))


async def test_faults_and_states(tmp_path: Path) -> None:
    """A list has no faults; lack of hosts is lack of resources; a machine under deletion is gone soon."""
    with ServersCloud() as cloud:
        (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
        context = elastic_context(tmp_path, "cloud_controller: true", POOLS.replace("soft", "none"))
        machines = PROVIDER.elastic_machines
        assert machines is not None
        made = await machines.create(context, order())
        assert (made.phase, made.provider_id) == (MachinePhase.CREATING, f"openstack:///{made.id}")
        server = next(one for one in cloud.things["compute/servers"] if one["id"] == made.id)
        server |= {"status": "ERROR", "fault": {"message": "No valid host was found. There are not enough"}}
        (broken,) = await machines.list(context)
        assert (broken.phase, broken.exhausted) == (MachinePhase.FAILED, True)
        server |= {"status": "ACTIVE", "OS-EXT-STS:task_state": "deleting"}
        (leaving,) = await machines.list(context)
        assert leaving.phase is MachinePhase.DELETING
        shape = (await machines.shapes(context, ["large"]))["large"]
        assert shape.labels == {
            "node.kubernetes.io/instance-type": "large",
            "topology.kubernetes.io/region": "one",
        }


@pytest.mark.parametrize(
    ("settings", "zone"),
    [
        ("cloud_controller: true, availability_zones: [a]", "a"),
        ("cloud_controller: true, availability_zones: [a, b]", None),
        ("cloud_controller: true", None),
        ("availability_zones: [a]", None),
    ],
)
async def test_a_template_has_the_zone_that_all_its_machines_have(
    settings: str, zone: str | None, tmp_path: Path
) -> None:
    """Else a pod that wants a zone would get a node in another one, again and again."""
    with ServersCloud() as cloud:
        (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
        context = elastic_context(tmp_path, settings)
        machines = PROVIDER.elastic_machines
        assert machines is not None
        shape = (await machines.shapes(context, ["large"]))["large"]
        assert shape.labels.get("topology.kubernetes.io/zone") == zone
