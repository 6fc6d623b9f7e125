"""Rules of a firewall that a node's own services leave alone: commands that set one, and that end it.

The network policies of k3s save the whole table `filter`, change it, and restore it: a rule that comes
meanwhile is lost, and one that goes comes back. So packets are lost in the table `raw`, and connections are
refused by a redirection, in `nat`, to a port on which nothing listens.
"""

from __future__ import annotations

from typing import NamedTuple

_CLOSED = 1
"""A port on which nothing listens."""


class Rule(NamedTuple):
    """Commands that set a rule and end it: `reopen` fails without the rule, `reopen_if_closed` does not."""

    close: str
    reopen: str
    reopen_if_closed: str


def lost(match: str) -> Rule:
    """Lose the packets that arrive and match, as `-p tcp --dport 22`."""
    return _rule("raw", f"{match} -j DROP")


def refused(match: str) -> Rule:
    """Refuse the TCP connections that arrive and match."""
    return _rule("nat", f"{match} -j REDIRECT --to-ports {_CLOSED}")


def _rule(table: str, text: str) -> Rule:
    close, reopen, seen = (f"iptables -w -t {table} {act} PREROUTING {text}" for act in ("-I", "-D", "-C"))
    return Rule(close, reopen, f"! {seen} 2>/dev/null || {reopen}")
