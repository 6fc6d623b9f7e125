from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kbootstrap.core.process import Finished
from kbootstrap.providers.capabilities import Adoptable
from kbootstrap.providers.local.adoption import VARIABLE, find
from kbootstrap.providers.local.containers import Containers
from kbootstrap.providers.local.keys import AUTHORIZED_KEYS, replace_lost
from tests.providers.local.fake import Answer, FakeRunner, containers, context, engine, spec

NETWORK = "    network: {cidr: 10.1.0.0/16, control_plane: 10.1.0.0/24, agents: 10.1.4.0/22}\n"
SERVER, WEB = "c-control-plane-1", "c-web-1"


def item(name: str, instance: str, **labels: str) -> dict[str, Any]:
    marks = {"kbootstrap.spec": "s", "kbootstrap.cluster": "c", "kbootstrap.node": name}
    return {"Name": name, "Labels": {**marks, "kbootstrap.instance": instance, **labels}}


def answers(*items: dict[str, Any], cidr: str = "10.1.0.0/16") -> dict[str, Answer]:
    marks = {"kbootstrap.spec": "s", "kbootstrap.cluster": "c", "kbootstrap.instance": "n"}
    network = {"Name": "kbootstrap-s-c", "Labels": marks, "IPAM": {"Config": [{"Subnet": cidr}]}}
    return {
        **containers(*items),
        "docker network ls": "id\n",
        "docker network inspect": json.dumps([network]),
    }


async def look(folder: Path, answered: dict[str, Answer]) -> Adoptable:
    spec(folder, NETWORK)
    runner = FakeRunner(answered)
    return await find(context(runner, folder), Containers(engine(), runner))


async def test_what_exists_is_found_with_the_ids_that_it_carries(tmp_path: Path) -> None:
    found = await look(tmp_path, answers(item(SERVER, "i1"), item(WEB, "i2"), item("c-api", "e")))
    assert {thing.address: thing.id for thing in found.things} == {
        "module.network.terraform_data.network": "n",
        "module.endpoint.terraform_data.endpoint": "e",
        "module.endpoint.terraform_data.servers": "",
        f'module.control_plane.terraform_data.node["{SERVER}"]': "i1",
        f'module.control_plane.terraform_data.authorized_keys["{SERVER}"]': "",
        f'module.pool_web.terraform_data.node["{WEB}"]': "i2",
        f'module.pool_web.terraform_data.authorized_keys["{WEB}"]': "",
    }
    assert set(found.environment[VARIABLE].split()) == {"kbootstrap-s-c", "c-api", SERVER, WEB}
    assert (found.unexpected, found.problems) == ((), ())


async def test_a_folder_that_exists_keeps_what_is_its_own(tmp_path: Path) -> None:
    elsewhere = {"kbootstrap.owner": str(tmp_path)}
    found = await look(tmp_path, answers(item(SERVER, "i1", **elsewhere), item(WEB, "i2")))
    assert SERVER not in found.environment[VARIABLE]
    gone = {"kbootstrap.owner": str(tmp_path / "gone")}
    found = await look(tmp_path, answers(item(SERVER, "i1", **gone)))
    assert SERVER in found.environment[VARIABLE]


async def test_what_differs_from_the_spec_is_reported(tmp_path: Path) -> None:
    found = await look(tmp_path, answers(item(SERVER, "i1"), item("c-old-1", "o"), cidr="10.2.0.0/16"))
    assert found.unexpected == ("c-old-1",)
    assert found.problems == (
        "the network kbootstrap-s-c is 10.2.0.0/16, and the spec defines another range",
    )

    answered = answers(item(SERVER, "i1"))
    inspect = answered["docker container inspect"]
    assert callable(inspect)

    def moved(call: tuple[str, ...]) -> str:
        answer = inspect(call)
        assert isinstance(answer, Finished)
        said = json.loads(answer.stdout)
        for one in said:
            one["NetworkSettings"]["Networks"] = {
                "x": {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.1.0.99"}}
            }
        return json.dumps(said)

    found = await look(tmp_path, {**answered, "docker container inspect": moved})
    assert len(found.problems) == 1
    assert f"{SERVER} has the address 10.1.0.99, and the spec assigns 10.1.0." in found.problems[0]


async def test_a_lost_key_is_recreated_and_authorized(tmp_path: Path) -> None:
    stopped = {**item(WEB, "i2"), "Running": False}
    runner = FakeRunner(answers(item(SERVER, "i1"), stopped, item("c-api", "e")))
    here = context(runner, tmp_path)
    for _ in range(2):
        await replace_lost(here, Containers(engine(), runner))
    assert here.space.private_key.stat().st_mode & 0o777 == 0o600
    assert runner.said("docker start") == [f"docker start id-{WEB}"]
    let_in = runner.said("docker exec --interactive")
    assert [line.split()[3] for line in let_in] == [f"id-{SERVER}", f"id-{WEB}"]
    assert all(line.endswith(AUTHORIZED_KEYS) for line in let_in)


async def test_a_new_cluster_needs_no_key_before_it_is_made(tmp_path: Path) -> None:
    runner = FakeRunner(answers())
    await replace_lost(context(runner, tmp_path), Containers(engine(), runner))
    assert not runner.said("docker exec")
