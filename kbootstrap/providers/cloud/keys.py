"""SSH keys of a spec: the private key for logins, and the public keys that machines accept."""

from __future__ import annotations

from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.model import FromFile
from kbootstrap.spec.references import Reader


def named_identity(context: ProviderContext) -> Path | None:
    """Return the private key of the spec; None if it sets none.

    A key from the environment is written to a file (0600). Raises `CredentialsRefused` if the key of the spec
    does not exist.
    """
    named = context.cluster.ssh.private_key
    if named is None:
        return None
    reader = _reader(context)
    if isinstance(named, FromFile):
        return reader.path(named)
    path = context.space.run / "id_from_environment"
    text = context.redactor.add(reader.text(named))
    files.write_if_changed(path, text.rstrip() + "\n", mode=0o600)
    return path


def public_keys(context: ProviderContext, own: Path | None) -> list[str]:
    """Return all authorized public keys: that of the private key `own`, then those of the spec."""
    first = [public_key(own)] if own else []
    reader = _reader(context)
    others = (
        key if isinstance(key, str) else reader.text(key, public=True)
        for key in context.cluster.ssh.authorized_keys
    )
    lines = (line.strip() for text in (*first, *others) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def public_key(private: Path) -> str:
    """Return the public key: from the file itself, from the `.pub` file beside it, or derived."""
    import asyncssh

    from kbootstrap.hosts.keys import public_half

    if half := public_half(private):
        return half.export_public_key().decode().strip()
    beside = private.with_name(f"{private.name}.pub")
    if beside.is_file():
        reader = Reader(beside.parent, {}, "the public half of the SSH key", "KB0609")
        return reader.text(FromFile(beside.name), public=True).strip()
    try:
        return asyncssh.read_private_key(private).export_public_key().decode().strip()
    except (OSError, asyncssh.KeyImportError) as error:
        raise CredentialsRefused(
            f"the private key {private} cannot be read: {error}",
            hint=f"for a key with a passphrase, put the public key beside it ({beside})",
            code="KB0609",
        ) from error


def _reader(context: ProviderContext) -> Reader:
    return Reader(context.space.base.parent, context.env, "SSH", "KB0609")
