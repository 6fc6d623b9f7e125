"""The SSH key of a cluster: the one that the spec names, else one that is generated for it."""

from __future__ import annotations

from pathlib import Path

from kbootstrap import files
from kbootstrap.providers.keys import named_identity, public_keys
from kbootstrap.providers.model import Surroundings
from kbootstrap.spec.model import Cluster


def identity(cluster: Cluster, around: Surroundings) -> Path:
    """Return the private key to log in with; see `named_identity`."""
    return named_identity(cluster, around) or around.space.private_key


def authorized_keys(cluster: Cluster, around: Surroundings) -> list[str]:
    """Return every public key that may log in, our own first; generates it when it is not there."""
    if cluster.ssh.private_key is None:
        _generate(around.space.private_key)
    return public_keys(cluster, around, identity(cluster, around))


def _generate(private: Path) -> None:
    import asyncssh

    if private.is_file():
        return
    key = asyncssh.generate_private_key("ssh-ed25519", comment="kbootstrap")
    beside = private.with_name(f"{private.name}.pub")
    files.write(beside, key.export_public_key(), mode=0o644)
    files.write(private, key.export_private_key(), mode=0o600)
