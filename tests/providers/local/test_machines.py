from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.core.process import Finished
from kbootstrap.hosts.known_hosts import KnownHosts, Pin
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.providers.local.containers import Containers
from kbootstrap.providers.local.machines import (
    HOST_KEY,
    destroy_preview,
    inventory,
    missing,
    provisioning,
    remove_all,
)
from kbootstrap.providers.model import MachineState
from kbootstrap.spec.model import Cluster
from tests.providers.local.fake import Answer, FakeRunner, containers, context, engine, spec

OUTPUTS: dict[str, Any] = {
    "kbootstrap": {
        "cluster": "c",
        "network": {"id": "n", "name": "kbootstrap-s-c"},
        "endpoint": {
            "internal": {"host": "10.1.0.10", "port": 6443},
            "external": {"host": "127.0.0.1", "port": 26443},
            "instance": "e",
        },
        "nodes": {
            "c-control-plane-1": {
                "role": "server",
                "pool": "control-plane",
                "address": "10.1.0.11",
                "instance": "i1",
            },
            "c-web-1": {"role": "agent", "pool": "web", "address": "10.1.4.11", "instance": "i2"},
        },
    }
}
NETWORK: dict[str, Answer] = {
    "docker network ls --quiet": "id\n",
    "docker network ls --format": "kbootstrap-s-c\n",
    "docker network inspect": json.dumps([{"Name": "kbootstrap-s-c", "Labels": {}}]),
}
KEY: dict[str, Answer] = {"docker exec": "ssh-ed25519 AAAA root@x\n"}


def item(name: str, instance: str, port: int = 22, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"Name": name, "Labels": {"kbootstrap.instance": instance}, "Ports": {port: 40001}, **more}


SERVER_ADDRESS = 'module.control_plane.terraform_data.node["c-control-plane-1"]'
WEB_ADDRESS = 'module.pool_web.terraform_data.node["c-web-1"]'
GONE = "docker has no container c-control-plane-1"
API, SERVER, WEB = item("c-api", "e", 6443), item("c-control-plane-1", "i1"), item("c-web-1", "i2")


async def gone(cluster: Cluster, outputs: Mapping[str, Any], containers: Containers) -> dict[str, str]:
    states = (await missing(cluster, outputs, containers)).values()
    return {address: state.gone for state in states for address in state.replace}


async def unprovisioned(names: Collection[str], containers: Containers) -> set[str]:
    found = await provisioning(names, containers)
    return {name for name, state in found.items() if MachineState(state).unprovisioned}


async def test_nothing_drifted(tmp_path: Path) -> None:
    runner = FakeRunner({**containers(API, SERVER, WEB), **NETWORK})
    assert await gone(spec(tmp_path).clusters[0], OUTPUTS, Containers(engine(), runner)) == {}


async def test_what_is_gone_or_another_is_to_be_replaced(tmp_path: Path) -> None:
    runner = FakeRunner(containers(item("c-web-1", "other")))
    found = await gone(spec(tmp_path).clusters[0], OUTPUTS, Containers(engine(), runner))
    assert found == {
        "module.network.terraform_data.network": "docker has no network kbootstrap-s-c",
        SERVER_ADDRESS: GONE,
        WEB_ADDRESS: "the container c-web-1 is not the one in the state",
        "module.endpoint.terraform_data.endpoint": "docker has no container c-api",
    }


async def test_nothing_drifts_before_anything_was_made(tmp_path: Path) -> None:
    assert await gone(spec(tmp_path).clusters[0], {}, Containers(engine(), FakeRunner({}))) == {}


async def test_the_inventory_says_how_to_reach_machines(tmp_path: Path) -> None:
    runner = FakeRunner({**containers(API, SERVER, WEB), **KEY})
    here = context(runner, tmp_path)
    found = await inventory(here, OUTPUTS, Containers(engine(), runner))
    machine = found.machines["c-web-1"]
    assert (machine.address, machine.instance, machine.host_keys) == (
        "10.1.4.11",
        "id-c-web-1",
        ("ssh-ed25519 AAAA",),
    )
    assert (machine.ssh.host, machine.ssh.port, machine.ssh.user) == ("127.0.0.1", 40001, "kbootstrap")
    assert machine.ssh.identities == (here.space.private_key,)
    assert (found.external.url, found.internal.host) == ("https://127.0.0.1:26443", "10.1.0.10")
    assert found.tls_san == certificate_names(spec(tmp_path).clusters[0])
    assert not runner.said("docker start")


async def test_a_pinned_host_key_is_not_read_again(tmp_path: Path) -> None:
    runner = FakeRunner({**containers(API, SERVER, WEB), **KEY})
    here = context(runner, tmp_path)
    pins = KnownHosts(here.space.known_hosts)
    pins.store(Pin("c-web-1", "id-c-web-1", ("ssh-ed25519 AAAA",)))
    pins.store(Pin("c-control-plane-1", "id-of-another", ("ssh-ed25519 AAAA",)))
    found = await inventory(here, OUTPUTS, Containers(engine(), runner))
    assert found.machines["c-web-1"].host_keys == ()
    assert found.machines["c-control-plane-1"].host_keys == ("ssh-ed25519 AAAA",)
    assert runner.said("docker exec") == [f"docker exec c-control-plane-1 cat {HOST_KEY}"]


async def test_containers_are_found_by_their_name_only() -> None:
    """`inspect` also finds containers whose ID begins with a name."""
    there = json.dumps([{"Id": "abc0123", "Name": "/other"}])
    runner = FakeRunner({"docker container inspect abc": there})
    assert await Containers(engine(), runner).named(["abc"]) == {}


async def test_an_engine_that_cannot_inspect_is_not_an_engine_without_containers() -> None:
    errors = "Error response from daemon: No such container: a\nError: the daemon has a bad day"
    runner = FakeRunner({"docker container inspect": (1, errors)})
    with pytest.raises(KbootstrapError, match="docker cannot inspect containers") as caught:
        await Containers(engine(), runner).named(["a", "b"])
    assert caught.value.detail == errors


async def test_containers_that_podman_does_not_have_are_no_error() -> None:
    errors = "error inspecting object: no such container b\nError: inspecting object: no such container a"
    runner = FakeRunner({"podman container inspect": Finished((), 125, "[]\n", errors)})
    assert await Containers(engine("podman"), runner).named(["a", "b"]) == {}


async def test_stopped_machines_are_started(tmp_path: Path) -> None:
    stopped = item("c-web-1", "i2", Running=False)
    runner = FakeRunner({**containers(API, SERVER, stopped), **KEY})
    await inventory(context(runner, tmp_path), OUTPUTS, Containers(engine(), runner))
    assert runner.said("docker start") == ["docker start c-web-1"]


async def test_an_inspection_starts_nothing_and_reports_what_is_missing(tmp_path: Path) -> None:
    stopped = item("c-web-1", "i2", Running=False)
    runner = FakeRunner({**containers(stopped), **KEY})
    found = await inventory(
        context(runner, tmp_path),
        OUTPUTS,
        Containers(engine(), runner),
        starting=False,
    )
    assert not runner.said("docker start")
    assert not found.machines
    assert {name: error.message for name, error in found.absent.items()} == {
        "c-control-plane-1": "the container c-control-plane-1 does not exist",
        "c-web-1": "the container c-web-1 is stopped",
    }


async def test_a_machine_that_is_gone_is_named(tmp_path: Path) -> None:
    runner = FakeRunner({**containers(API, SERVER), **KEY})
    with pytest.raises(HostUnreachable, match="c-web-1 does not exist") as caught:
        await inventory(context(runner, tmp_path), OUTPUTS, Containers(engine(), runner))
    assert (caught.value.host, caught.value.code) == ("c-web-1", "KB0610")


async def test_a_machine_that_does_not_boot_is_named(tmp_path: Path) -> None:
    broken = {"Name": "c-web-1", "Labels": {"kbootstrap.instance": "i2"}}
    runner = FakeRunner({**containers(API, SERVER, broken), **KEY})
    with pytest.raises(HostUnreachable, match="does not boot") as caught:
        await inventory(context(runner, tmp_path), OUTPUTS, Containers(engine(), runner))
    assert caught.value.code == "KB0611"


async def test_the_preview_names_what_is_removed(tmp_path: Path) -> None:
    named = [one | {"Labels": {"kbootstrap.node": one["Name"]}} for one in (SERVER, WEB)]
    runner = FakeRunner(containers(API, *named))
    found = await destroy_preview(context(runner, tmp_path), Containers(engine(), runner))
    assert found.place == "in docker on this machine"
    assert found.things == {"machines": ("c-control-plane-1", "c-web-1")}


async def test_cleanup_removes_what_carries_our_labels(tmp_path: Path) -> None:
    owner = str(tmp_path / ".kbootstrap" / "c")
    networks = [
        {"name": "mine", "labels": {"kbootstrap.cluster": "c", "kbootstrap.owner": owner}},
        {"name": "other", "labels": {"kbootstrap.cluster": "c", "kbootstrap.owner": "/elsewhere"}},
    ]
    answers = containers(WEB, command="podman")
    answers |= {"podman network ls": "a\nb\n", "podman network inspect": json.dumps(networks)}
    runner = FakeRunner(answers)
    here = context(runner, tmp_path)
    await remove_all(here, Containers(engine("podman"), runner))
    assert runner.said("podman rm") == ["podman rm --force --volumes --time=0 id-c-web-1"]
    assert runner.said("podman network rm") == ["podman network rm mine"]
    assert f"--filter label=kbootstrap.owner={owner}" in runner.said("podman ps")[0]


async def test_blank_is_what_is_not_there_or_has_no_stamp() -> None:
    stopped = item("c-web-1", "i2", Running=False)
    answers: dict[str, Answer] = {
        **containers(SERVER, stopped),
        "docker cp id-c-control-plane-1:/var/lib/kbootstrap/stamp -": "a tar archive",
        "docker cp id-c-web-1:": (1, "Error: Could not find the file /var/lib/kbootstrap/stamp in container"),
    }
    names = ("c-control-plane-1", "c-web-1", "c-web-2")
    assert await unprovisioned(names, Containers(engine(), FakeRunner(answers))) == {"c-web-1", "c-web-2"}


async def test_an_engine_that_does_not_answer_does_not_count_as_blank() -> None:
    answers: dict[str, Answer] = {**containers(WEB), "docker cp": (1, "the daemon has a bad day")}
    with pytest.raises(KbootstrapError, match="cannot determine"):
        await provisioning(["c-web-1"], Containers(engine(), FakeRunner(answers)))
