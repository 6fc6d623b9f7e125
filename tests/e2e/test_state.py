"""Where the state is kept, with real programs: encryption, an S3 server, and failures of both."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import LocalRunner
from kbootstrap.tofu.encryption import variables
from tests.e2e.lab import need
from tests.e2e.states import CACHE, Place

KEYS = {"AWS_ACCESS_KEY_ID": "state", "AWS_SECRET_ACCESS_KEY": "state-secret"}
PASSPHRASE = "correct horse battery"


@pytest.fixture
def opentofu(tool: str) -> str:
    if not tool.endswith("tofu"):
        pytest.skip("Terraform has no encryption")
    return tool


async def test_encryption(tmp_path: Path, opentofu: str) -> None:
    place = Place(tmp_path, opentofu, "{encryption: {passphrase: {env: X}}}")
    assert await place.apply(**variables(PASSPHRASE)) == {"x": "secret-value"}
    for name in ("terraform.tfstate", "plan"):
        assert b"secret-value" not in (place.folder / name).read_bytes()
    with pytest.raises(KbootstrapError) as caught:
        await place.apply(**variables("another horse battery"))
    assert (caught.value.code, caught.value.exit_code) == ("KB0535", 4)
    assert PASSPHRASE not in (place.folder / "backend.tf").read_text()


async def test_encrypting_a_state_that_was_not(tmp_path: Path, opentofu: str) -> None:
    place = Place(tmp_path, opentofu, "{}")
    await place.apply()
    place.state("{encryption: {passphrase: {env: X}}}")
    with pytest.raises(KbootstrapError) as caught:
        await place.apply(**variables(PASSPHRASE))
    assert caught.value.code == "KB0532"
    tofu = await place.tofu(**variables(PASSPHRASE, accept_unencrypted=True))
    assert (await tofu.state()).outputs == {"x": "secret-value"}
    place.value("other-value")
    await place.apply(**variables(PASSPHRASE, accept_unencrypted=True))
    assert b"other-value" not in (place.folder / "terraform.tfstate").read_bytes()
    assert (await (await place.tofu(**variables(PASSPHRASE))).state()).outputs == {"x": "other-value"}


def put(url: str, content: str = "") -> None:
    """Make a bucket or an object; the server wants no signature for that."""
    request = urllib.request.Request(url, method="PUT", data=content.encode())  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310
        pass


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Start an S3 server with the bucket `states`; return its address."""
    program = shutil.which("moto_server") or str(CACHE / "cloud" / "venv" / "bin" / "moto_server")
    need(Path(program).exists(), "moto_server (the test cloud brings it)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 300
        while True:
            try:
                put(f"{url}/states")
                break
            except OSError:
                assert time.monotonic() < end, "the S3 server does not answer"
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait()


def at(url: str, more: str = "") -> str:
    return f"{{backend: {{s3: {{bucket: states, endpoint: '{url}', region: us-east-1{more}}}}}}}"


async def test_s3(tmp_path: Path, tool: str, s3: str) -> None:
    prefix = f", key: '{tmp_path.name}/{{cluster}}'"
    for cluster in ("one", "two"):
        place = Place(tmp_path, tool, at(s3, prefix), cluster)
        place.value(f"value of {cluster}")
        assert await place.apply(**KEYS) == {"x": f"value of {cluster}"}
        assert not (place.folder / "terraform.tfstate").exists()
    (tmp_path / "elsewhere").mkdir()
    for cluster in ("one", "two"):
        again = await Place(tmp_path / "elsewhere", tool, at(s3, prefix), cluster).tofu(**KEYS)
        assert (await again.state()).outputs == {"x": f"value of {cluster}"}
    assert "secret" not in (tmp_path / "one" / "backend.tf").read_text()


async def test_s3_locks_where_it_can(tmp_path: Path, tool: str, s3: str) -> None:
    place = Place(tmp_path, tool, at(s3, f", use_lockfile: true, key: '{tmp_path.name}/{{cluster}}'"))
    tofu = await place.tofu(**KEYS)
    if tofu.binary.version < (1, 10, 0):
        pytest.skip(f"{tofu.binary} has no lock file")
    await place.apply(**KEYS)
    lock = json.dumps({"ID": "1", "Operation": "OperationTypeApply", "Who": "ben@laptop", "Version": "1"})
    await asyncio.to_thread(put, f"{s3}/states/{tmp_path.name}/one.tflock", lock)
    argv = [str(tofu.binary.path), "plan", "-no-color", "-input=false", "-lock-timeout=1s"]
    done = await LocalRunner().run(argv, cwd=place.folder, env=tofu.env, deadline=300, check=False)
    assert "Error acquiring the state lock" in done.stderr


async def test_s3_without_credentials(tmp_path: Path, tool: str, s3: str) -> None:
    place = Place(tmp_path, tool, at(s3))
    with pytest.raises(KbootstrapError) as caught:
        await place.tofu(AWS_EC2_METADATA_DISABLED="true", HOME=str(tmp_path))
    assert (caught.value.code, caught.value.exit_code) == ("KB0509", 4)


async def test_a_state_that_moves(tmp_path: Path, tool: str, s3: str) -> None:
    place = Place(tmp_path, tool, "{}")
    await place.apply()
    place.state(at(s3, f", key: '{tmp_path.name}/{{cluster}}'"))
    with pytest.raises(KbootstrapError) as caught:
        await place.tofu(**KEYS)
    assert caught.value.code == "KB0533"
