"""A real S3 server that nodes reach through the engine's network: versitygw, built by `.ci/setup-tests`."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.lab import need, program

KEYS = {"E2E_S3_ACCESS_KEY": "e2ekey", "E2E_S3_SECRET_KEY": "e2e-secret-key-0001"}
"""What a spec with `credentials: {env: E2E_S3}` takes from the environment."""


@contextmanager
def bucket(folder: Path) -> Iterator[int]:
    """Run a server whose bucket `e2e-etcd` is kept in a folder; yield its port.

    Nodes reach it at the first address of their cluster's network, which is the engine's own side of it.
    """
    found = program("versitygw")
    need(found, "versitygw, an S3 server")
    (folder / "e2e-etcd").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number = int(probe.getsockname()[1])
    keys = {"ROOT_ACCESS_KEY": KEYS["E2E_S3_ACCESS_KEY"], "ROOT_SECRET_KEY": KEYS["E2E_S3_SECRET_KEY"]}
    process = subprocess.Popen(
        [str(found), "--port", f"0.0.0.0:{number}", "posix", str(folder)],
        env=os.environ | keys,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield number
    finally:
        process.terminate()
        process.wait()


def snapshots(port: int) -> str:
    """Return the key `snapshots:` of a cluster's spec."""
    return f"""\
    snapshots:
      passphrase: {{env: E2E_PASS}}
      s3:
        bucket: e2e-etcd
        endpoint: "10.X.0.1:{port}"
        folder: lab
        insecure: true
        credentials: {{env: E2E_S3}}
"""
