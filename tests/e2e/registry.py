"""A registry for tests: Python's HTTP server with an image that is in the archive of k3s.

It serves what nodes ask for (OCI Distribution Specification, "Pull"), with a password, and notes requests.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

LOGIN = {"E2E_REGISTRY_USERNAME": "anna", "E2E_REGISTRY_PASSWORD": "e2e-registry-password-0001"}
"""What a spec with `credentials: {env: E2E_REGISTRY}` takes from the environment."""
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Registry:
    """`port` is where it listens, on all addresses; `asked` are the paths of requests that logged in.

    `refused` counts requests without the password. One that is `closed` has no image (404).
    """

    port: int
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    closed: bool = False

    def add(self, repository: str, config: bytes, layers: list[bytes]) -> list[str]:
        """Serve an image as `<repository>:1`, and return the digests of its layers (uncompressed archives).

        Its layers are unlike those of other images: containerd fetches no layer that it has unpacked already.
        """
        own = [one + b"\0" * 512 * (1 + len(self.tags)) for one in layers]
        digests = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in own]
        image = json.loads(config)
        image["rootfs"]["diff_ids"] = digests
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob("application/vnd.oci.image.config.v1+json", json.dumps(image).encode()),
            "layers": [self._blob("application/vnd.oci.image.layer.v1.tar", one) for one in own],
        }
        text = json.dumps(manifest).encode()
        self.tags[f"{repository}:1"] = self._blob(_MANIFEST, text)["digest"]
        return digests

    def lie(self, repository: str, config: bytes, layers: list[bytes]) -> None:
        """Serve an image whose first layer is not the one of its digest."""
        first = self.add(repository, config, layers)[0]
        self.blobs[first] = self.blobs[first][:-1] + b"x"

    def _blob(self, kind: str, data: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Return type and content for a path below `/v2/`."""
        if self.closed:
            return None
        repository, _, name = path.removeprefix("/v2/").rpartition("/manifests/")
        if repository:
            digest = name if name.startswith("sha256:") else self.tags.get(f"{repository}:{name}", "")
            return (_MANIFEST, self.blobs[digest]) if digest in self.blobs else None
        digest = path.rpartition("/blobs/")[2]
        return ("application/octet-stream", self.blobs[digest]) if digest in self.blobs else None


@contextmanager
def registry() -> Iterator[Registry]:
    """Run an empty registry."""
    word = base64.b64encode(":".join(LOGIN.values()).encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._serve(body=False)

        def do_GET(self) -> None:
            self._serve(body=True)

        def _serve(self, *, body: bool) -> None:
            if self.headers.get("Authorization") != f"Basic {word}":
                found.refused += 1
                self._send(401, "text/plain", b"", body=body, asking=True)
                return
            path = self.path.partition("?")[0]
            found.asked.append(path)
            if path.rstrip("/") == "/v2":
                self._send(200, "application/json", b"{}", body=body)
            elif answer := found.answer(path):
                self._send(200, *answer, body=body)
            else:
                self._send(404, "application/json", b'{"errors": []}', body=body)

        def _send(self, code: int, kind: str, data: bytes, *, body: bool, asking: bool = False) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if kind == _MANIFEST:
                self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(data).hexdigest()}")
            if asking:
                self.send_header("WWW-Authenticate", 'Basic realm="e2e"')
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104 - nodes are outside of loopback
    server.daemon_threads = True
    found = Registry(int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def image_in(archive: Path, word: str) -> tuple[bytes, list[bytes]]:
    """Return configuration and layers of the image with this word in its name, in an archive of images."""
    with archive.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        data = io.BytesIO(stream.read())
    with tarfile.open(fileobj=data) as tar:

        def content(name: str) -> bytes:
            member = tar.extractfile(name)
            assert member is not None, f"{name} is no file"
            return member.read()

        listed = json.loads(content("manifest.json"))
        (found,) = [one for one in listed if any(word in tag for tag in one["RepoTags"])]
        return content(found["Config"]), [content(name) for name in found["Layers"]]
