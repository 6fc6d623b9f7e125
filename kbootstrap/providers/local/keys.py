"""The SSH key of a cluster: the key of the spec, otherwise a generated one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.providers.cloud.keys import named_identity, public_keys
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.claims import belongs, endpoint_name
from kbootstrap.providers.local.containers import CLUSTER, NODE, SPEC, Containers

AUTHORIZED_KEYS = "/etc/ssh/authorized_keys/kbootstrap"
"""The authorized keys of a node: written by `terraform-modules/local/nodes`, read by sshd of the image."""


def identity(context: ProviderContext) -> Path:
    """Return the private key for logins; see `named_identity`."""
    return named_identity(context) or context.space.private_key


def authorized_keys(context: ProviderContext) -> list[str]:
    """Return all authorized public keys, the cluster's own first. Generates the own key if it is missing."""
    if context.cluster.ssh.private_key is None:
        _generate(context.space.private_key)
    return public_keys(context, identity(context))


async def replace_lost(context: ProviderContext, containers: Containers) -> None:
    """If the generated key is lost and nodes exist, generate another key and authorize it through the engine.

    The key is saved last: if the run is killed before, the next run generates another one.
    """
    spec, cluster, private = context.spec, context.cluster, context.space.private_key
    if cluster.ssh.private_key is not None or private.is_file():
        return
    owner, endpoint = str(context.space.root), endpoint_name(cluster)
    marked = await containers.labelled({SPEC: spec.name, CLUSTER: cluster.name})
    nodes = [one for one in marked if belongs(one.labels, spec.name, cluster.name, owner)]
    nodes = [one for one in nodes if one.labels.get(NODE) not in (None, endpoint)]
    if not nodes:
        return
    public, secret = _generated()
    await containers.start(one.id for one in nodes if not one.running)
    await asyncio.gather(*(containers.append(one.id, AUTHORIZED_KEYS, public) for one in nodes))
    _save(private, public, secret)


def _generate(private: Path) -> None:
    if not private.is_file():
        _save(private, *_generated())


def _generated() -> tuple[bytes, bytes]:
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519", comment="kbootstrap")
    return key.export_public_key(), key.export_private_key()


def _save(private: Path, public: bytes, secret: bytes) -> None:
    files.write(private.with_name(f"{private.name}.pub"), public, mode=0o644)
    files.write(private, secret, mode=0o600)
