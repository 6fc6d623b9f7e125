"""Tokens: made in memory for a founder, read in full form from a server for everybody else.

Forms (docs.k3s.io, "k3s token"): `K10<CA hash>::<user>:<password>` is the full one, which lets the joining
node check the server's CA; the founder can only be given a password, since the CA does not exist yet.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence

from kbootstrap.cluster.fetch import first_secret
from kbootstrap.cluster.steps import Secret
from kbootstrap.distros.model import Distribution
from kbootstrap.errors import InstallFailed
from kbootstrap.hosts.model import Host
from kbootstrap.redact import Redactor

FULL = re.compile(r"K10[0-9a-f]{64}::[^:\s]+:(\S+)")
"""A token in its full form; the group is the password."""
_BYTES = 32
_ALWAYSFULL: tuple[Secret, ...] = ("server", "agent")


class Tokens:
    """The tokens of one cluster, during one run. `servers` may be asked, in this order."""

    def __init__(self, distro: Distribution, redactor: Redactor) -> None:
        self._distro, self._redactor = distro, redactor
        self._known: dict[Secret, str] = {}

    async def read(self, servers: Sequence[Host]) -> None:
        """Read the cluster's tokens from the first servers that have them."""
        paths = self._distro.paths
        wanted = (paths.server_token, paths.server_agent_token, paths.agent_token)
        server, agent, raw = await asyncio.gather(*(first_secret(servers, path) for path in wanted))
        self._keep("server", server)
        found = FULL.fullmatch(agent)
        self._keep("agent", agent)
        self._keep("raw-agent", raw or (found.group(1) if found else ""))

    def give(self, secret: Secret) -> str:
        """Return a token; a new one is made each time when it is for a founder.

        Raises `InstallFailed` (KB0818) when the servers do not have it, or not in the full form.
        """
        if secret in ("new-server", "new-agent"):
            return self._redactor.add(secrets.token_hex(_BYTES))
        value = self._known.get(secret, "")
        full = bool(FULL.fullmatch(value))
        if not full and (not value or secret in _ALWAYSFULL):
            path = self._distro.paths.server_token
            raise InstallFailed(
                "no server of the cluster has the token that new nodes need",
                hint=f"look at {path} on the servers; the service writes it when it starts",
                code="KB0818",
            )
        return value

    def _keep(self, secret: Secret, value: str) -> None:
        if value:
            self._known[secret] = self._redactor.add(value)
            found = FULL.fullmatch(value)
            if found:
                self._redactor.add(found.group(1))
