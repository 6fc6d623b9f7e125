"""Machines as they were made: where they answer, and what they must prove to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError


@dataclass(frozen=True, slots=True)
class SshTarget:
    """How to reach one machine by SSH.

    `key_alias` is the name under which its host key is pinned (the node's: addresses are used again,
    names are not). `identities` are private keys to offer; empty means the SSH agent and the user's defaults.
    `jump` is the bastion to go through. `instance` and `host_keys` are those of a bastion, as in `Machine`.
    `authorities` are keys whose certificates for the host are taken too, `revoked` keys that never are.

    What only the user's OpenSSH configuration says: `identities_only`, False where those that cannot be used
    are passed over and the agent's other keys are offered too; `proxy_command`, through whose input and
    output the machine is reached; `agent`, the socket of an SSH agent, or `none`; `known_as`, the name under
    which an operator's `known_hosts` has the machine's key, where that is not `host`.
    """

    key_alias: str
    host: str
    port: int
    user: str
    identities: tuple[Path, ...] = ()
    jump: SshTarget | None = None
    instance: str = ""
    host_keys: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    identities_only: bool = True
    proxy_command: str = ""
    agent: str = ""
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine that the provider made, or that exists.

    `name` is the node's name. `instance` is the provider's identity of the machine: a new one means a new
    machine under the old name, whose host key may differ. `host_keys` are the public keys (`type base64`)
    known from a trusted place, else empty: first contact pins them. `volumes` are the identities of its extra
    volumes by name: the machine shows them in the serial numbers of its disks.
    """

    name: str
    address: str
    ssh: SshTarget
    instance: str
    host_keys: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the Kubernetes API answers: `host` and `port` from one side's point of view.

    `server_name` is the name or address that the certificate must carry, where it is not `host`: an address
    that is only known once it was made stands in no certificate.
    """

    host: str
    port: int
    server_name: str | None = None

    @property
    def url(self) -> str:
        """The address as Kubernetes clients want it."""
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All machines of a cluster, by node name, and both faces of its API endpoint.

    `internal` is the registration address that nodes use, `external` what operators use; `tls_san` are all
    names and addresses that the API's certificate must carry. `absent` are machines that are missing here,
    each with why: they are gone, or stopped while nothing was to be started. `jump` is the bastion through
    which the API must be asked from here, where `external` is an address behind it.
    """

    cluster: str
    machines: dict[str, Machine]
    internal: Endpoint
    external: Endpoint
    tls_san: tuple[str, ...]
    absent: dict[str, KbootstrapError] = field(default_factory=dict)
    jump: SshTarget | None = None
