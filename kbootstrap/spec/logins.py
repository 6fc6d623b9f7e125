"""User name and password for registries and the proxy of nodes, read from where the spec says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.core.redact import Redactor
from kbootstrap.spec.contents import login
from kbootstrap.spec.model import Cluster, FromEnvironment, Reference
from kbootstrap.spec.references import Reader

CODE = "KB0386"
WHAT = "registries or the proxy of nodes"
"""Code and words for a `Reader` of references about registries and the proxy."""


@dataclass(frozen=True, slots=True)
class Login:
    """User name and password."""

    username: str = field(repr=False)
    password: str = field(repr=False)


def read_login(where: Reference, reader: Reader, redactor: Redactor) -> Login:
    """Return user name and password. Raises `CredentialsRefused` (KB0386)."""
    if isinstance(where, FromEnvironment):
        username = reader.text(FromEnvironment(f"{where.name}_USERNAME")).strip()
        password = reader.text(FromEnvironment(f"{where.name}_PASSWORD")).strip()
    else:
        username, password = login(reader.text(where))
        if not username or not password:
            raise CredentialsRefused(
                f"the file {reader.path(where)} does not have a user name and a password",
                hint="it needs two lines: `username: …` and `password: …`",
                code=CODE,
            )
    return Login(username, redactor.add(password))


def login_references(cluster: Cluster) -> Iterator[Reference]:
    """Yield all references of a cluster to user names and passwords."""
    if cluster.registries:
        yield from (one.credentials for one in cluster.registries.access.values() if one.credentials)
    if cluster.proxy and cluster.proxy.credentials:
        yield cluster.proxy.credentials
