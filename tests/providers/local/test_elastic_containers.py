"""Elastic containers: made like those of the module `nodes`; nothing is left of one that could not start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.providers.elastic import AddressTaken, MachineOrder, MachinePhase, OutOfResources
from kbootstrap.providers.local import PROVIDER
from kbootstrap.providers.local.elastic import STARTS
from tests.providers.local.elastic import OTHERS, Docker, made

MODULE = Path(__file__).parents[3] / "terraform-modules/local/nodes/nodes.tf"
ORDER = MachineOrder("c-web-hjkmn", "web", "", "10.9.4.26")


async def test_the_command_is_that_of_the_module(tmp_path: Path) -> None:
    docker = Docker()
    runner, elastic = made(tmp_path, docker)
    await elastic.machines.create(elastic.context, ORDER)
    (create,) = runner.said("docker create")
    words = re.search(r'"\$ENGINE" run --detach (.*?)\n\s+\$LABELS', MODULE.read_text(), re.DOTALL)
    assert words
    expected = (
        words[1].replace("\\\n", "").replace('"$NAME"', ORDER.name).replace('"$ADDRESS"', ORDER.address)
    )
    expected = expected.replace('"$NETWORK"', "kbootstrap-s-c").removesuffix("\\")
    assert " ".join(expected.split()) in create
    assert docker.keys[ORDER.name].startswith("ssh-ed25519 ")
    labels = docker.kept[ORDER.name]["Config"]["Labels"]
    assert labels["kbootstrap.node"] == ORDER.name
    assert labels["kbootstrap.instance"], "the modules remove containers by it"
    assert {key for key in labels if not key.startswith("kbootstrap.")} == set()


@pytest.mark.parametrize("at", ["create", "cp", "start"])
@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Address already in use", AddressTaken),
        ("no space left on device", OutOfResources),
        ("conmon failed", KbootstrapError),
    ],
)
async def test_nothing_is_left_of_a_failure(
    at: str, said: str, error: type[KbootstrapError], tmp_path: Path
) -> None:
    docker = Docker(fails={at: said})
    _, elastic = made(tmp_path, docker)
    with pytest.raises(error) as raised:
        await elastic.machines.create(elastic.context, ORDER)
    assert type(raised.value) is error
    assert set(docker.kept) == set(OTHERS)


async def test_a_container_that_an_interrupted_run_did_not_start(tmp_path: Path) -> None:
    """First it is being created; then it has failed, and is deleted by the server."""
    docker = Docker()
    _, elastic = made(tmp_path, docker)
    await elastic.machines.create(elastic.context, ORDER)
    state = docker.kept[ORDER.name]
    state["State"]["Running"] = False
    (found,) = await elastic.machines.list(elastic.context)
    assert found.phase is MachinePhase.CREATING
    labels = state["Config"]["Labels"]
    labels["kbootstrap.created"] = str(float(labels["kbootstrap.created"]) - STARTS - 1)
    (found,) = await elastic.machines.list(elastic.context)
    assert (found.phase, found.fault) == (MachinePhase.FAILED, f"the container {ORDER.name} does not run")


async def test_a_foreign_container_of_that_name_is_not_taken(tmp_path: Path) -> None:
    docker = Docker()
    _, elastic = made(tmp_path, docker)
    docker.add(ORDER.name, {}, "172.17.0.2", running=True)
    with pytest.raises(KbootstrapError, match="is not of this cluster"):
        await elastic.machines.create(elastic.context, ORDER)


async def test_after_a_lost_state_elastic_containers_are_not_unexpected(tmp_path: Path) -> None:
    docker = Docker()
    _, elastic = made(tmp_path, docker)
    await elastic.machines.create(elastic.context, ORDER)
    adoption = PROVIDER.adoption
    assert adoption is not None
    found = await adoption.find(elastic.context)
    assert ORDER.name not in found.unexpected
