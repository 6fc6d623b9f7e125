"""A systemd unit of a node, as systemd reports it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnitState:
    """A systemd unit as `systemctl show` reports it: `load` is `not-found` if there is none.

    `since` is when its process was started (epoch, by the node's clock), 0 where that is not known.
    """

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    enabled: bool = False
    restarts: int = 0
    since: int = 0

    @property
    def present(self) -> bool:
        """Whether the unit exists."""
        return self.load not in ("not-found", "")

    @property
    def started(self) -> bool:
        """Whether the unit runs, or systemd will (re)start it."""
        return self.active in ("active", "activating", "reloading")

    @property
    def restarting(self) -> bool:
        """Whether its process has ended, and systemd waits before it starts the next one."""
        return self.sub == "auto-restart"


def read_unit(pairs: Iterable[str]) -> UnitState:
    """Parse the output of `systemctl show`, `Name=value` each; raises `ValueError` for an invalid number."""
    values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return UnitState(
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        enabled=values.get("UnitFileState") == "enabled",
        restarts=int(values.get("NRestarts") or "0"),
        since=int(values.get("ExecMainStartTimestampMonotonic") or "0") // 1_000_000,
    )
