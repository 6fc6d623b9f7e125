"""One attempt to open an SSH connection, and the classification of its failure: retry, or stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from functools import partial

import asyncssh

from kbootstrap.core.errors import CredentialsRefused, HostUnreachable, KbootstrapError
from kbootstrap.hosts.attempt import TryAgain, WrongKey, where
from kbootstrap.hosts.keys import Offer
from kbootstrap.hosts.pinning import Expected
from kbootstrap.inventory.model import SshTarget

_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
"""Fastest first: AES-GCM takes 2.3 s of processor time for 1 GB, chacha20 5.5 s."""
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_CERTIFICATES = tuple(f"{kind}-cert-v01@openssh.com" for kind in _KEY_TYPES)
_PROHIBITED = 1
"""SSH_OPEN_ADMINISTRATIVELY_PROHIBITED (RFC 4254, section 5.1)."""
_KEEPALIVE_INTERVAL = 10.0
"""Seconds between keepalives; after three without a reply the connection is considered lost."""


class _Client(asyncssh.SSHClient):
    """Records the host key and the banner that the server sends before and during login."""

    def __init__(self, *, first_contact: bool) -> None:
        self._first_contact = first_contact
        self.shown = ""
        self.banner = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Accept any key on first contact; called for keys that are not among the expected ones."""
        del host, addr, port
        self.shown = key_text(key)
        return self._first_contact

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """Keep the server's message, for example "system is booting up"."""
        del lang
        self.banner = " ".join(msg.split())


def key_text(key: asyncssh.SSHKey) -> str:
    """Return a public key as `type base64`."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


async def dial(
    target: SshTarget,
    *,
    name: str,
    expected: Expected,
    offer: Offer,
    tunnel: asyncssh.SSHClientConnection | None,
    limit: float,
) -> tuple[asyncssh.SSHClientConnection, str]:
    """Connect and log in within `limit` seconds; return the connection and the host's key.

    If no authority accepts the host's certificate, its plain key is used, as in OpenSSH. Raises `TryAgain`,
    `WrongKey`, `CredentialsRefused`, and `HostUnreachable` where a retry cannot help.
    """
    once = partial(_dial, target, name=name, expected=expected, offer=offer, tunnel=tunnel, limit=limit)
    if expected.authorities:
        try:
            return await once(certificates=True)
        except WrongKey:
            if not expected.keys:
                raise
    return await once(certificates=False)


async def _dial(
    target: SshTarget,
    *,
    name: str,
    expected: Expected,
    offer: Offer,
    tunnel: asyncssh.SSHClientConnection | None,
    limit: float,
    certificates: bool,
) -> tuple[asyncssh.SSHClientConnection, str]:
    client = _Client(first_contact=not expected.keys and not expected.authorities)
    known = (expected.keys, expected.authorities if certificates else (), target.revoked)
    try:
        async with asyncio.timeout(limit):
            connection = await asyncssh.connect(
                target.host,
                target.port,
                tunnel=tunnel or (),
                proxy_command=["sh", "-c", f"exec {target.proxy_command}"] if target.proxy_command else (),
                config=None,
                username=target.user,
                client_factory=lambda: client,
                client_keys=list(offer.pairs),
                agent_path=None,
                preferred_auth=("publickey",),
                gss_host=None,
                known_hosts=tuple(_readable(keys) for keys in known),
                host_key_alias=target.known_as or target.host,  # what a certificate must be for
                server_host_key_algs=[
                    *(_CERTIFICATES if certificates else ()),
                    *_key_types(expected.keys),
                ],
                encryption_algs=list(_CIPHERS),
                compression_algs=["none"],
                connect_timeout=None,
                login_timeout=0,
                keepalive_interval=_KEEPALIVE_INTERVAL,
                keepalive_count_max=3,
            )
    except (OSError, asyncssh.Error, ValueError) as error:
        raise _meaning(error, client, target, name, offer) from error
    key = connection.get_server_host_key()
    return connection, client.shown or (key_text(key) if key else "")


def _readable(keys: Sequence[str]) -> list[asyncssh.SSHKey]:
    """Return the keys of types that asyncssh supports; a file may contain others."""
    found = []
    for key in keys:
        with contextlib.suppress(asyncssh.KeyImportError):
            found.append(asyncssh.import_public_key(key))
    return found


def _key_types(keys: Sequence[str]) -> list[str]:
    """Return the key types to request, expected ones first, so that the host presents a known key."""
    known = {key.split()[0] for key in keys}
    if "ssh-rsa" in known:
        known |= {"rsa-sha2-512", "rsa-sha2-256"}
    return sorted(_KEY_TYPES, key=lambda kind: kind not in known)


def _meaning(
    error: Exception, client: _Client, target: SshTarget, name: str, offer: Offer
) -> TryAgain | WrongKey | KbootstrapError:
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return WrongKey(client.shown, str(error).rpartition(" for host ")[0].lower())
    if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in str(error):
        return _refused(error, target, name, offer)
    if isinstance(error, asyncssh.KeyExchangeFailed) or _is_final_lookup(error):
        cause = "the name cannot be resolved" if _is_final_lookup(error) else str(error)
        return HostUnreachable(
            f"no SSH connection to {name} ({where(target)}): {cause}",
            hint="check the address" if _is_final_lookup(error) else "check sshd's algorithms on the machine",
            code="KB0701",
            host=name,
        )
    if isinstance(error, asyncssh.ChannelOpenError) and error.code == _PROHIBITED:
        return HostUnreachable(
            f"no SSH connection to {name} ({where(target)}): the bastion does not forward connections",
            hint="sshd of the bastion needs `AllowTcpForwarding yes`",
            code="KB0701",
            host=name,
        )
    return _try_again(error, client)


def _refused(error: Exception, target: SshTarget, name: str, offer: Offer) -> CredentialsRefused:
    tried = ", ".join(offer.tried)
    hint = "check the user, and that the public key is in its ~/.ssh/authorized_keys on the machine"
    if "authentication failures" in str(error):
        hint = "more keys were offered than the server takes: name one in the spec (ssh.private_key)"
    elif not target.identities:
        hint += "; name another key in the spec (ssh.private_key) or add it to the agent (ssh-add)"
    return CredentialsRefused(
        f"{name} ({where(target)}) refuses the login of user {target.user}; keys tried: {tried}",
        detail="\n".join(f"not tried: {skipped}" for skipped in offer.skipped) or None,
        hint=hint,
        code="KB0703",
        host=name,
    )


def _is_final_lookup(error: Exception) -> bool:
    return isinstance(error, socket.gaierror) and error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}


def _try_again(error: Exception, client: _Client) -> TryAgain:
    text = str(error) or type(error).__name__
    if isinstance(error, ConnectionRefusedError) or "refused" in text.lower():
        return TryAgain(
            "connection refused",
            "the machine is up, but nothing listens there: is sshd running, is the port right?",
        )
    if isinstance(error, TimeoutError):
        return TryAgain(
            "no answer",
            "nothing answers: is the machine running, is the address right, does a firewall or "
            "security group drop the packets?",
        )
    if client.banner:
        return TryAgain(client.banner, "the machine answers, but does not accept logins yet")
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return TryAgain(
            (error.strerror or text).lower(), "is the machine running, and is there a route to its address?"
        )
    return TryAgain(
        "connection reset" if isinstance(error, ConnectionError) else text[:1].lower() + text[1:],
        "the connection ends before the login: sshd may be starting or overloaded (MaxStartups), or "
        "something other than SSH listens on that port",
    )
