"""The hosts of a measurement: addresses, keys, the cache with small artifacts, and the spec."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from kbootstrap.artifacts import cache

VERSION = "v1.32.0+k3s1"
SERVERS = 3
CLUSTER = "scale"
_CACHED = {
    "k3s": b"k3s v1.32.0+k3s1\n" * 33,
    "k3s-airgap-images-amd64.tar.zst": b"images of v1.32.0+k3s1\n" * 40,
}
"""What the hosts get: small, because a measurement of the scheduler is none of the network."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hosts are: `prefix` of their addresses, the SSH port, the port of sshd behind a delay."""

    prefix: str
    port: int
    inner: int


NAMESPACE = Place("198.18", 22, 2022)
"""In a network namespace of our own: addresses for benchmarks (RFC 2544)."""
LOOPBACK = Place("127.18", 2222, 2022)
"""Without root."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`count` hosts below `folder`; three of them are servers."""

    folder: Path
    place: Place
    count: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the hosts, servers first."""
        return (
            *(f"cp-{number + 1}" for number in range(SERVERS)),
            *(f"w-{number + 1}" for number in range(self.count - SERVERS)),
        )

    @property
    def addresses(self) -> dict[str, str]:
        """All addresses by name."""
        return {
            name: f"{self.place.prefix}.{number // 250}.{number % 250 + 1}"
            for number, name in enumerate(self.names, 1)
        }

    @property
    def endpoint(self) -> str:
        """The address of the Kubernetes API."""
        return f"{self.place.prefix}.255.1"

    def known_as(self, address: str) -> str:
        """Return the name of a host in known_hosts."""
        return address if self.place.port == 22 else f"[{address}]:{self.place.port}"

    def write(self) -> None:
        """Write the keys of hosts and operator, known_hosts, and the cache."""
        keys = self.folder / "keys"
        keys.mkdir()
        known = []
        for name, address in self.addresses.items():
            key = asyncssh.generate_private_key("ssh-ed25519")
            _private(keys / name, key)
            known.append(f"{self.known_as(address)} {key.export_public_key().decode().strip()}\n")
        (self.folder / "known_hosts").write_text("".join(known), encoding="utf-8")
        own = asyncssh.generate_private_key("ssh-ed25519")
        _private(self.folder / "key", own)
        (self.folder / "authorized_keys").write_bytes(own.export_public_key())
        kept = cache.place(self.folder / "cache", "k3s", VERSION, "amd64")
        kept.parent.mkdir(parents=True)
        with cache.scratch(kept) as filled:
            for name, content in _CACHED.items():
                (filled / name).write_bytes(content)
            cache.publish(filled, kept, cache.BUILT)

    def spec(self, names: Sequence[str]) -> Path:
        """Write the spec of a cluster on these hosts and return its path."""
        addresses = self.addresses
        hosts = {name: f"{{name: {name}, address: {addresses[name]}}}" for name in names}
        lines = [
            "apiVersion: kbootstrap/v1alpha1",
            "name: scale",
            "clusters:",
            f"  {CLUSTER}:",
            "    provider: {ssh: {known_hosts: {file: ./known_hosts}, openssh_config: false}}",
            f"    kubernetes: {{distribution: k3s, version: {VERSION}, pod_cidr: 10.128.0.0/12}}",
            f"    api: {{endpoint: {self.endpoint}}}",
            f"    ssh: {{user: {user()}, port: {self.place.port}, private_key: {{file: ./key}}}}",
            "    control_plane:",
            "      hosts:",
            *(f"        - {text}" for name, text in hosts.items() if name.startswith("cp")),
            "    pools:",
            "      - name: workers",
            "        labels: {tier: work}",
            "        hosts:",
            *(f"          - {text}" for name, text in hosts.items() if name.startswith("w")),
        ]
        path = self.folder / "scale.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def user() -> str:
    """Return who logs in: the user of this process, because sshd without root admits no other."""
    return pwd.getpwuid(os.getuid()).pw_name


def _private(path: Path, key: asyncssh.SSHKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key())
