"""Rules of a firewall that a node's own services leave alone: commands that set one, and that end it.

The network policies of k3s save the whole table `filter`, change it, and restore it: a rule that comes
meanwhile is lost, and one that goes comes back. So packets are lost in the table `raw`, and connections are
refused by a redirection, in `nat`, to a port on which nothing listens.
"""

from __future__ import annotations

_CLOSED = 1
"""A port on which nothing listens."""


def lost(match: str) -> tuple[str, str]:
    """Lose the packets that arrive and match, as `-p tcp --dport 22`."""
    return _both(f"-t raw {{}} PREROUTING {match} -j DROP")


def refused(match: str) -> tuple[str, str]:
    """Refuse the TCP connections that arrive and match."""
    return _both(f"-t nat {{}} PREROUTING {match} -j REDIRECT --to-ports {_CLOSED}")


def _both(rule: str) -> tuple[str, str]:
    return f"iptables -w {rule.format('-I')}", f"iptables -w {rule.format('-D')}"
