"""Tokens: created in memory for the initial server, read in full form from a server for all other nodes.

Forms (docs.k3s.io, "k3s token"): `K10<CA hash>::<user>:<password>` is the full one, which lets the joining
node check the server's CA; the initial server only gets a password, since the CA does not exist yet.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from kbootstrap.cluster.observe.credentials import first_secret
from kbootstrap.cluster.steps.run import Secret
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host

FULL = re.compile(r"K10[0-9a-f]{64}::[^:\s]+:(\S+)")
"""A token in its full form; the group is the password."""
_BYTES = 32
_ALWAYSFULL: tuple[Secret, ...] = ("server", "agent")
NEXT = "/var/lib/kbootstrap/next-tokens"
"""On servers: new tokens, staged here (0600) from before they are in use until every server has them."""


@dataclass(frozen=True, slots=True)
class StagedTokens:
    """New tokens (`server` and `agent`, passwords), with the old ones, which older snapshots need."""

    server: str = field(repr=False)
    agent: str = field(repr=False)
    old_server: str = field(repr=False)
    old_agent: str = field(repr=False)

    @classmethod
    def make(cls, old_server: str, old_agent: str, redactor: Redactor) -> StagedTokens:
        """Create new tokens for the current full server token and agents' password."""
        made = cls(secrets.token_hex(_BYTES), secrets.token_hex(_BYTES), old_server, old_agent)
        return cls.read(made.text(), redactor) or made

    @classmethod
    def read(cls, text: str, redactor: Redactor) -> StagedTokens | None:
        """Read the file; None if it does not exist or is incomplete."""
        words = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        for value in words.values():
            redactor.add(value)
            if found := FULL.fullmatch(value):
                redactor.add(found.group(1))
        names = ("server", "agent", "old-server", "old-agent")
        return cls(*(words[name] for name in names)) if all(words.get(name) for name in names) else None

    def text(self) -> str:
        """Return the file's content."""
        old = f"old-server {self.old_server}\nold-agent {self.old_agent}\n"
        return f"{old}server {self.server}\nagent {self.agent}\n"

    def give(self, secret: Secret, before: str) -> str:
        """Return the new token in the form of the token `before`; any other secret unchanged."""
        if secret == "raw-agent":  # noqa: S105 - a kind of secret
            return self.agent
        new = {"server": self.server, "agent": self.agent}.get(secret)
        found = FULL.fullmatch(before)
        return f"{before[: found.start(1)]}{new}" if new and found else before


class Tokens:
    """The tokens of one cluster, during one run. They are read from the first of `servers` that has them.

    `rotating`: nodes get the staged tokens (`StagedTokens`), not those in use.
    """

    def __init__(self, distro: Distribution, redactor: Redactor, *, rotating: bool = False) -> None:
        self._distro, self._redactor, self._rotating = distro, redactor, rotating
        self._known: dict[Secret, str] = {}
        self._staged: StagedTokens | None = None

    async def read(self, servers: Sequence[Host]) -> None:
        """Read the cluster's tokens from the first servers that have them."""
        paths = self._distro.paths
        wanted = (paths.server_token, paths.server_agent_token, paths.agent_token)
        server, agent, raw = await asyncio.gather(*(first_secret(servers, path) for path in wanted))
        self._keep("server", server)
        found = FULL.fullmatch(agent)
        self._keep("agent", agent)
        self._keep("raw-agent", raw or (found.group(1) if found else ""))
        if self._rotating and self._staged is None:
            self._staged = StagedTokens.read(await first_secret(servers, NEXT), self._redactor)

    def keep_agent(self, token: str) -> None:
        """Use this token, in its full form, for agents."""
        self._keep("agent", token)

    def staged(self) -> StagedTokens:
        """Return the new tokens; raises `InstallFailed` (KB0818) if they were removed in the meantime."""
        if self._staged is None:
            raise InstallFailed(
                "the new tokens are no longer on any server",
                hint="run the same command again: it reads the servers' tokens again",
                code="KB0818",
            )
        return self._staged

    def give(self, secret: Secret) -> str:
        """Return a token; for the initial server a new one is created each time.

        Raises `InstallFailed` (KB0818) when the servers do not have it, or not in the full form.
        """
        if secret in ("new-server", "new-agent"):
            return self._redactor.add(secrets.token_hex(_BYTES))
        value = self._known.get(secret, "")
        if self._rotating:
            value = self.staged().give(secret, value)
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
