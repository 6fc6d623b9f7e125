"""Selects the private keys to offer to a host: the configured ones, else the SSH agent's and the user's own.

Missing files, files readable by others, and keys that need a passphrase are detected before connecting,
because a server only reports "permission denied".
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.inventory.model import SshTarget

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Names below ~/.ssh, in the order in which they are offered (ssh_config(5), IdentityFile)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The key pairs to offer, their names for error messages, and the keys that could not be used."""

    pairs: tuple[asyncssh.SSHKeyPair, ...]
    tried: tuple[str, ...]
    skipped: tuple[str, ...]


@asynccontextmanager
async def offered(target: SshTarget, *, name: str, env: Mapping[str, str]) -> AsyncIterator[Offer]:
    """Collect the keys for `target`; keys of the agent can be used until the context ends.

    SSH_AUTH_SOCK and HOME are read from `env`. Raises `CredentialsRefused` when there is no key to offer, or
    when a configured key cannot be used.
    """
    agent, note = await _agent({**env, "SSH_AUTH_SOCK": target.agent} if target.agent else env)
    try:
        agent_keys = list(await agent.get_keys()) if agent else []
        if not target.identities:
            found = _usual(agent_keys, env, note)
        elif target.identities_only:
            found = _named(target.identities, agent_keys, name)
        else:
            found = _preferred(target.identities, agent_keys, name)
        if not found.pairs:
            raise CredentialsRefused(
                f"there is no SSH key to log in to {name} with",
                detail="\n".join(found.skipped) or None,
                hint="add a key to the SSH agent (ssh-add), make one (ssh-keygen -t ed25519), or name one in "
                "the spec: ssh.private_key",
                code="KB0703",
                host=name,
            )
        yield found
    finally:
        if agent:
            agent.close()
            await agent.wait_closed()


async def _agent(env: Mapping[str, str]) -> tuple[asyncssh.SSHAgentClient | None, str]:
    path = env.get("SSH_AUTH_SOCK")
    if not path or path == "none":
        return None, "no SSH agent (SSH_AUTH_SOCK is not set)"
    try:
        return await asyncssh.connect_agent(path), ""
    except (OSError, asyncssh.Error, ValueError):
        return None, f"the SSH agent does not answer (SSH_AUTH_SOCK={path})"


def _usual(agent_keys: list[asyncssh.SSHKeyPair], env: Mapping[str, str], note: str) -> Offer:
    pairs = list(agent_keys)
    tried = [f"{len(agent_keys)} of the SSH agent"] if agent_keys else []
    skipped = [note] if note else [] if agent_keys else ["the SSH agent holds no key"]
    blobs = {pair.key_public_data for pair in agent_keys}
    home = env.get("HOME")
    for path in [Path(home, ".ssh", default) for default in _DEFAULTS] if home else []:
        if not path.is_file():
            continue
        try:
            loaded = asyncssh.load_keypairs([path])
        except (OSError, ValueError) as error:
            skipped.append(f"{path}: {_why(error)}")
            continue
        new = [pair for pair in loaded if pair.key_public_data not in blobs]
        pairs += new
        tried += [str(path)] if new else []
    return Offer(tuple(pairs), tuple(tried), tuple(skipped))


def _preferred(paths: Sequence[Path], agent_keys: list[asyncssh.SSHKeyPair], name: str) -> Offer:
    """Offer the usable keys, then the agent's other keys, as OpenSSH does without `IdentitiesOnly`."""
    pairs: list[asyncssh.SSHKeyPair] = []
    tried: list[str] = []
    skipped: list[str] = []
    for path in paths:
        try:
            one = _named([path], agent_keys, name)
        except CredentialsRefused as error:
            skipped.append(error.message)
        else:
            pairs += one.pairs
            tried += one.tried
    blobs = {pair.key_public_data for pair in pairs}
    others = [pair for pair in agent_keys if pair.key_public_data not in blobs]
    tried += [f"{len(others)} of the SSH agent"] if others else []
    return Offer((*pairs, *others), tuple(tried), tuple(skipped))


def _named(paths: Sequence[Path], agent_keys: list[asyncssh.SSHKeyPair], name: str) -> Offer:
    pairs: list[asyncssh.SSHKeyPair] = []
    tried: list[str] = []
    for path in paths:
        if public_half(path):
            pairs += _private_half(path, agent_keys, name)
            tried.append(f"{path} (through the SSH agent)")
            continue
        _check(path, name)
        try:
            pairs += asyncssh.load_keypairs([path])
            tried.append(str(path))
        except (OSError, ValueError) as error:
            same = _same(_public(path), agent_keys)
            if not same:
                raise _unusable(path, name, error, encrypted=_is_encrypted(error)) from error
            pairs += same
            tried.append(f"{path} (through the SSH agent)")
    return Offer(tuple(pairs), tuple(tried), ())


def public_half(path: Path) -> asyncssh.SSHKey | None:
    """Return the public key in a file; None where it contains something else, such as a private key.

    A configured public key selects the matching private key of the agent (ssh_config(5), IdentityFile).
    """
    try:
        if b"PRIVATE KEY" in path.read_bytes():
            return None
        return asyncssh.read_public_key(path)
    except (OSError, ValueError):
        return None


def _private_half(path: Path, agent_keys: list[asyncssh.SSHKeyPair], name: str) -> list[asyncssh.SSHKeyPair]:
    same = _same(public_half(path), agent_keys)
    if not same:
        raise CredentialsRefused(
            f"{path} is a public key, and the SSH agent does not hold its private half to log in to {name}",
            hint="add the private key to the agent (ssh-add), or name its file in the spec (ssh.private_key)",
            code="KB0705",
            host=name,
        )
    return same


def _same(public: asyncssh.SSHKey | None, agent_keys: list[asyncssh.SSHKeyPair]) -> list[asyncssh.SSHKeyPair]:
    return [pair for pair in agent_keys if public and pair.key_public_data == public.public_data]


def _check(path: Path, name: str) -> None:
    try:
        state = path.stat()
    except OSError as error:
        raise _unusable(path, name, error, encrypted=False) from error
    if state.st_uid == os.getuid() and state.st_mode & 0o077:
        raise CredentialsRefused(
            f"the SSH key {path} for {name} may be read by others (mode {state.st_mode & 0o777:04o})",
            hint=f"OpenSSH does not use such a key either: chmod 600 {path}",
            code="KB0705",
            host=name,
        )


def _unusable(path: Path, name: str, error: Exception, *, encrypted: bool) -> CredentialsRefused:
    if encrypted:
        return CredentialsRefused(
            f"the SSH key {path} for {name} needs a passphrase, and the SSH agent does not hold it",
            hint=f"add it to the agent, then run again: ssh-add {path}",
            code="KB0704",
            host=name,
        )
    return CredentialsRefused(
        f"the SSH key {path} for {name} cannot be used: {_why(error)}",
        hint="check the path in the spec (ssh.private_key), and that it is a private key which you may read",
        code="KB0705",
        host=name,
    )


def _public(path: Path) -> asyncssh.SSHKey | None:
    for candidate in (path.with_name(path.name + ".pub"), path):
        try:
            return asyncssh.read_public_key(candidate)
        except (OSError, ValueError):
            continue
    return None


def _is_encrypted(error: Exception) -> bool:
    return isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error)


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "it cannot be read").lower()
    return (
        "encrypted with a passphrase" if _is_encrypted(error) else "not an SSH private key in a known format"
    )


async def usual_public_keys(env: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the public keys (`type base64`) of the SSH agent and of ~/.ssh, and the unusable ones."""
    agent, note = await _agent(env)
    try:
        offer = _usual(list(await agent.get_keys()) if agent else [], env, note)
    finally:
        if agent:
            agent.close()
            await agent.wait_closed()
    return tuple(dict.fromkeys(_line(pair.key_public_data) for pair in offer.pairs)), offer.skipped


def _line(blob: bytes) -> str:
    """Return a public key in the format of key files; its data contains its type (RFC 4253, 6.6)."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    return f"{kind} {base64.b64encode(blob).decode('ascii')}"
