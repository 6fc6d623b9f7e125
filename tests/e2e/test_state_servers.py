"""States on servers other than S3: PostgreSQL, and the `http` backend, with both programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import LocalRunner
from tests.e2e.lab import SHORT
from tests.e2e.state_servers import PASSWORD, USER, StateServer, http_server, postgres
from tests.e2e.states import Place


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as address:
        yield address


async def test_pg(tmp_path: Path, tool: str, database: str) -> None:
    own = tmp_path.name.replace("[", "-").strip("]")
    state = f"{{backend: {{pg: {{schema_name: '{own}_{{cluster}}'}}}}}}"
    login = {"PG_CONN_STR": database, "PGPASSWORD": PASSWORD}
    for cluster in ("one", "two"):
        place = Place(tmp_path, tool, state, cluster)
        place.value(f"value of {cluster}")
        assert await place.apply(**login) == {"x": f"value of {cluster}"}
        assert not (place.folder / "terraform.tfstate").exists()
        assert PASSWORD not in (place.folder / "backend.tf").read_text()
    (tmp_path / "elsewhere").mkdir()
    for cluster in ("one", "two"):
        again = await Place(tmp_path / "elsewhere", tool, state, cluster).tofu(**login)
        assert (await again.state()).outputs == {"x": f"value of {cluster}"}


async def test_pg_with_a_wrong_password(tmp_path: Path, tool: str, database: str) -> None:
    place = Place(tmp_path, tool, "{backend: {pg: {}}}")
    with pytest.raises(KbootstrapError) as caught:
        await place.apply(PG_CONN_STR=database, PGPASSWORD="wrong-and-secret")
    assert (caught.value.code, caught.value.exit_code) == ("KB0509", 4)


@pytest.fixture
def server() -> Iterator[StateServer]:
    with http_server() as made:
        yield made


def at(server: StateServer) -> str:
    place = f"{server.url}/{{spec}}/{{cluster}}"
    return (
        f"{{backend: {{http: {{address: '{place}', lock_address: '{place}', unlock_address: '{place}'}}}}}}"
    )


LOGIN = {"TF_HTTP_USERNAME": USER, "TF_HTTP_PASSWORD": PASSWORD}


async def test_http(tmp_path: Path, tool: str, server: StateServer) -> None:
    for cluster in ("one", "two"):
        place = Place(tmp_path, tool, at(server), cluster)
        place.value(f"value of {cluster}")
        assert await place.apply(**LOGIN) == {"x": f"value of {cluster}"}
    assert set(server.states) == {"/dev/one", "/dev/two"}
    assert {"/dev/one", "/dev/two"} <= set(server.locked)
    assert server.locks == {}
    (tmp_path / "elsewhere").mkdir()
    again = await Place(tmp_path / "elsewhere", tool, at(server), "two").tofu(**LOGIN)
    assert (await again.state()).outputs == {"x": "value of two"}


async def test_http_is_locked_by_another(tmp_path: Path, tool: str, server: StateServer) -> None:
    place = Place(tmp_path, tool, at(server))
    await place.apply(**LOGIN)
    server.locks["/dev/one"] = b'{"ID": "1", "Operation": "OperationTypeApply", "Who": "ben@laptop"}'
    tofu = await place.tofu(**LOGIN)
    argv = [str(tofu.binary.path), "plan", "-no-color", "-input=false", "-lock-timeout=1s"]
    done = await LocalRunner().run(argv, cwd=place.folder, env=tofu.env, deadline=SHORT, check=False)
    assert "Error acquiring the state lock" in done.stderr
    assert "already locked: ID=1" in done.stderr


async def test_http_with_a_wrong_password(tmp_path: Path, tool: str, server: StateServer) -> None:
    place = Place(tmp_path, tool, at(server))
    with pytest.raises(KbootstrapError) as caught:
        await place.apply(TF_HTTP_USERNAME=USER, TF_HTTP_PASSWORD="wrong-and-secret")
    assert (caught.value.code, caught.value.exit_code) == ("KB0509", 4)
