"""The Kubernetes API of a simulated fleet over TLS, as far as kbootstrap asks for it."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.scale.layout import VERSION
from bench.scale.nodes import Call, Nodes
from tests.fleet import kube

PORT = 6443
_WEIGHT = "x" * 6000
"""What a Node object has besides: a real one has images, addresses and managed fields of about 6 KB."""
_TEXT = {200: "OK", 404: "Not Found", 409: "Conflict", 503: "Service Unavailable"}
_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: default, cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: {ca}}}}}]
contexts: [{{name: default, context: {{cluster: default, user: default}}}}]
current-context: default
users: [{{name: default, user: {{client-certificate-data: {certificate}, client-key-data: {key}}}}}]
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, which signs itself, and its key. Both are PEM."""

    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, address: str) -> Identity:
        """Make one for an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scale")])
        begin = datetime.now(UTC) - timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
            )
        )
        made = builder.sign(key, hashes.SHA256())
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return cls(
            made.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM, form, plain),
        )

    def kubeconfig(self) -> str:
        """Return a kubeconfig that trusts it, and logs in with it."""
        certificate = base64.b64encode(self.certificate).decode()
        key = base64.b64encode(self.key).decode()
        return _KUBECONFIG.format(ca=certificate, certificate=certificate, key=key)

    def context(self, folder: Path) -> ssl.SSLContext:
        """Return the server's side of TLS."""
        for name, content in (("api.crt", self.certificate), ("api.key", self.key)):
            (folder / name).write_bytes(content)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(folder / "api.crt", folder / "api.key")
        return made


@dataclass
class Api:
    """Serves the API of the fleet. `latency` is in seconds, for each request."""

    nodes: Nodes
    latency: float

    async def listen(self, address: str, tls: ssl.SSLContext) -> asyncio.Server:
        """Accept connections."""
        return await asyncio.start_server(self._accept, address, PORT, ssl=tls, backlog=200)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                verb, target, _ = line.decode().split(" ")
                headers = {}
                while (header := await reader.readline()) not in {b"\r\n", b""}:
                    name, _, value = header.decode().partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await asyncio.sleep(self.latency)
                status, answer = self._answer(verb, target, json.loads(body) if body else {})
                head = (
                    f"HTTP/1.1 {status} {_TEXT[status]}\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(answer)}\r\n\r\n"
                )
                writer.write(head.encode() + answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def _answer(self, verb: str, target: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        url = urlsplit(target)
        self.nodes.calls.append(Call("api", f"{verb} {url.path}"))
        self.nodes.advance()
        if url.path == "/readyz":
            return (200, b"ok") if self.nodes.world.answering() else (503, b"")
        if url.path == "/version":
            return 200, json.dumps({"gitVersion": VERSION}).encode()
        said = kube.ask(self.nodes.world, verb, url.path, body, dict(parse_qsl(url.query)), "")
        if said is None:
            return 503, b""
        for item in said.get("items", [said] if "metadata" in said else []):
            item["metadata"]["managedFields"] = _WEIGHT
        return int(said.get("code", 200)), json.dumps(said).encode()
