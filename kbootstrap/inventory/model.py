"""The created machines: their addresses, and the identities that they must prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError


@dataclass(frozen=True, slots=True)
class SshTarget:
    """How to reach one machine by SSH.

    `key_alias` is the name under which its host key is pinned (the node's name, because addresses are reused
    and names are not). `identities` are private keys to offer; if empty, the SSH agent and the user's default
    keys are used. `jump` is the bastion. `instance` and `host_keys` are set for bastions, as in `Machine`.
    `authorities` are keys whose host certificates are accepted; `revoked` are keys that are never accepted.

    Settings from the user's OpenSSH configuration only: `identities_only`: if False, unusable identities are
    skipped and the agent's other keys are offered too; `proxy_command`: the command whose input and output
    connect to the machine; `agent`: the socket of an SSH agent, or `none`; `known_as`: the name of the
    machine in the operator's `known_hosts`, if it is not `host`.
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
    """One machine that the provider created, or an existing one.

    `name` is the node's name. `instance` is the provider's ID of the machine: a new ID means a new machine
    under the old name, whose host key may differ. `host_keys` are the public keys (`type base64`) from a
    trusted source; if empty, they are pinned on first contact. `volumes` are the IDs of its extra volumes by
    name, which the machine reports as serial numbers of its disks.
    """

    name: str
    address: str
    ssh: SshTarget
    instance: str
    host_keys: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of the Kubernetes API: `host` and `port`, as seen from nodes or from operators.

    `server_name` is the name or address in the certificate, if it is not `host`: an address that is only
    known after creation is not in the certificate.
    """

    host: str
    port: int
    server_name: str | None = None

    @property
    def url(self) -> str:
        """The URL for Kubernetes clients."""
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All machines of a cluster, by node name, and its internal and external API endpoints.

    `internal` is the registration address that nodes use, `external` the address that operators use;
    `tls_san` are all names and addresses that the API's certificate must contain. `absent` are missing
    machines, each with the reason: deleted, or stopped while the command may not start machines. `jump` is
    the bastion through which operators reach the API, if `external` is an address behind it. `own_network`:
    the network of the nodes was created for this cluster, so it has no other machines.
    """

    cluster: str
    machines: dict[str, Machine]
    internal: Endpoint
    external: Endpoint
    tls_san: tuple[str, ...]
    absent: dict[str, KbootstrapError] = field(default_factory=dict)
    jump: SshTarget | None = None
    own_network: bool = False
