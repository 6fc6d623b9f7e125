"""A machine's network devices: tap<port>, as Neutron's linuxbridge agent expects it, in its network's bridge.

The other end is eth<n> in the machine's network namespace. The agent adds uplinks and security groups, but
leaves taps of machines to the compute driver.
"""

from pathlib import Path
from typing import Any

from kbootstrap_cloud.run import ip

_BRIDGE_NAME = 14  # "brq" and 11 characters of the network's ID


def plug(namespace: str, vif: Any, number: int) -> None:
    """Make eth`number` of a port; one that is there is left alone."""
    tap = vif["devname"]
    network = vif["network"]
    bridge = network["bridge"] or f"brq{network['id']}"[:_BRIDGE_NAME]
    mtu = str(network.get_meta("mtu") or 1500)
    if Path("/sys/class/net", tap).exists():
        return
    if not Path("/sys/class/net", bridge).exists():
        ip("link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0", check=False)
    ip("link", "set", bridge, "up")
    peer = f"p{number}-{vif['id'][:8]}"
    ip("link", "add", tap, "type", "veth", "peer", "name", peer, "netns", namespace)
    ip("-n", namespace, "link", "set", peer, "name", f"eth{number}", "address", vif["address"], "mtu", mtu)
    ip("link", "set", tap, "mtu", mtu, "master", bridge, "up")


def unplug(vif: Any) -> None:
    """Remove a port's device, and so the other end of it."""
    ip("link", "delete", vif["devname"], check=False)


def count(namespace: str) -> int:
    """Return how many network devices a machine has."""
    return ip("-n", namespace, "-oneline", "link").count(": eth")
