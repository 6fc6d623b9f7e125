"""A server in the place of the Kubernetes API, and a kubeconfig for it."""

from __future__ import annotations

import asyncio
import base64
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.api.server import Server


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pem")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
async def server(pem: Path) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "cert.pem", pem / "key.pem")
    context.load_verify_locations(pem / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    found = Server()
    listening = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield found


@pytest.fixture
def kubeconfig(pem: Path) -> str:
    def data(name: str) -> str:
        return base64.b64encode((pem / name).read_bytes()).decode()

    return f"""\
apiVersion: v1
kind: Config
current-context: default
contexts: [{{name: default, context: {{cluster: default, user: default}}}}]
clusters:
- name: default
  cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: {data("cert.pem")}}}
users:
- name: default
  user: {{client-certificate-data: {data("cert.pem")}, client-key-data: {data("key.pem")}}}
"""
