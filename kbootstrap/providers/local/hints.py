"""Explains error messages of Docker and Podman in failures of OpenTofu. The first match applies.

Wording: libnetwork and the daemon of Docker, netavark and Podman.
"""

from __future__ import annotations

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.hints import hint

HINTS = (
    hint(
        r"port is already allocated|ports are not available"
        r"|(?:listen|bind|port).{0,80}address already in use",
        "KB0513",
        "Stop the program that uses the port, or set another one in the spec (`provider.local.api_port`).",
        PrerequisiteMissing,
    ),
    hint(
        r"cannot connect to the docker daemon|docker daemon running|cannot connect to podman"
        r"|(?:docker|podman): (?:command )?not found|connect to the docker (?:daemon|api)",
        "KB0512",
        "Start the container engine, then run the same command again; `kbootstrap doctor` checks it.",
        PrerequisiteMissing,
    ),
    hint(
        r"pool overlaps|overlaps with (?:other|existing)|subnet .{0,40}already (?:used|in use)"
        r"|invalid pool request",
        "KB0516",
        "Another network of this machine uses these addresses. Choose another `network.cidr` for the "
        "cluster, or remove the other network.",
    ),
    hint(
        r"name .{0,120}already in use|is already in use by container|network with name .{0,80}already exists"
        r"|daemon: address already in use|address .{0,60}already allocated",
        "KB0517",
        "A name or address of this cluster is in use. Remove the other resource, or rename the cluster.",
    ),
    hint(
        r"no such image",
        "KB0511",
        "Compare the name in the spec with the images of the engine.",
    ),
)
