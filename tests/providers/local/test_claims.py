from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.providers.local.claims import free, node_names, verify
from kbootstrap.providers.local.containers import Containers
from tests.providers.local.fake import Answer, FakeRunner, containers, context, engine, spec

NETWORK = "network: {cidr: 10.77.0.0/16, control_plane: 10.77.0.0/24, agents: 10.77.4.0/22}\n"


def unused() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def look(folder: Path, answers: dict[str, Answer], port: int | None = None) -> None:
    spec(folder, f"    {NETWORK}", f"{{local: {{api_port: {port or unused()}}}}}")
    runner = FakeRunner(answers)
    await verify(context(runner, folder), Containers(engine(), runner))


def ours(folder: Path, **more: str) -> dict[str, str]:
    owner = str(folder / ".kbootstrap" / "c")
    return {"kbootstrap.spec": "s", "kbootstrap.cluster": "c", "kbootstrap.owner": owner, **more}


def networks(name: str, subnet: str, labels: dict[str, str]) -> dict[str, Answer]:
    listed = [{"Name": name, "Labels": labels, "IPAM": {"Config": [{"Subnet": subnet}]}}]
    return {"docker network ls": "id\n", "docker network inspect": json.dumps(listed)}


async def test_an_empty_engine_is_free(tmp_path: Path) -> None:
    await look(tmp_path, {})


async def test_our_own_containers_are_no_clash(tmp_path: Path) -> None:
    await look(tmp_path, containers({"Name": "c-web-1", "Labels": ours(tmp_path)}))


async def test_a_foreign_container_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        PrerequisiteMissing, match="c-web-1 exists already and belongs to something else"
    ) as caught:
        await look(tmp_path, containers({"Name": "c-web-1"}))
    assert caught.value.code == "KB0607"


async def test_the_same_spec_elsewhere_is_another_owner(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    labels = ours(tmp_path, **{"kbootstrap.owner": str(other)})
    with pytest.raises(PrerequisiteMissing, match="elsewhere"):
        await look(tmp_path, containers({"Name": "c-api", "Labels": labels}))
    other.rmdir()
    await look(tmp_path, containers({"Name": "c-api", "Labels": labels}))


async def test_an_overlapping_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        PrerequisiteMissing, match=r"10\.77\.0\.0/16 of cluster c overlaps 10\.77\.8\.0/24"
    ) as caught:
        await look(tmp_path, networks("lan", "10.77.8.0/24", {}))
    assert caught.value.code == "KB0608"


async def test_our_own_network_does_not_overlap(tmp_path: Path) -> None:
    await look(tmp_path, networks("kbootstrap-s-c", "10.77.0.0/16", ours(tmp_path)))


async def test_a_foreign_network_of_our_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="kbootstrap-s-c exists already"):
        await look(tmp_path, networks("kbootstrap-s-c", "10.99.0.0/16", {}))


async def test_a_taken_port_is_reported_with_its_holder_and_a_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not free(port)
        answers = containers({"Name": "web", "Ports": {80: port}})
        with pytest.raises(PrerequisiteMissing, match=f"port {port} .* by the container web") as caught:
            await look(tmp_path, answers, port)
        assert caught.value.code == "KB0606"
        assert "api_port" in str(caught.value.hint)
        own = {"Name": "c-api", "Labels": ours(tmp_path), "Ports": {6443: port}}
        await look(tmp_path, containers(own), port)


def test_names_follow_from_the_spec(tmp_path: Path) -> None:
    assert node_names(spec(tmp_path).clusters[0]) == ("c-control-plane-1", "c-web-1")
