"""Formats of registries, and of what is reached without a proxy."""

from __future__ import annotations

import re

from kbootstrap.spec import format_network
from kbootstrap.spec.flaw import Flaw, quote

_PORT = re.compile(r"[1-9][0-9]{0,4}")
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""The name of an image (OCI distribution specification, "Pulling manifests")."""


def registry_host(value: str) -> Flaw | None:
    """Accept a host name or an IPv4 address, with or without a port."""
    host, colon, port = value.partition(":")
    if format_network.address(host) is None and (not colon or _port(port)):
        return None
    help_ = "Write `registry.example.org:5000`."
    if "@" in value:  # the value is not shown, because it may contain a password
        reason = "This is not a host name with or without a port. Passwords must not be in the spec."
        return Flaw("KB0381", reason, help_)
    more = " It has no scheme and no path." if "/" in value else ""
    return Flaw("KB0381", f"{quote(value)} is not a host name with or without a port.{more}", help_)


def registry_name(value: str) -> Flaw | None:
    """Accept the host of a registry as it is in names of images, or `*` for all."""
    return None if value == "*" else registry_host(value)


def container_image(value: str) -> Flaw | None:
    """Accept the name of an image, with or without registry, tag and digest."""
    if _IMAGE.fullmatch(value):
        return None
    return Flaw(
        "KB0388",
        f"{quote(value)} is not the name of an image.",
        "Write `registry.example.org/name:tag@sha256:…`, or `name:tag` of an archive.",
    )


def no_proxy(value: str) -> Flaw | None:
    """Accept a network, an address, a host name, or a domain with a leading dot."""
    if "/" in value:
        return format_network.cidr(value)
    if format_network.address(value.removeprefix(".")) is None:
        return None
    return Flaw(
        "KB0381",
        f"{quote(value)} is neither an address, a network, a host name nor a domain with a leading dot.",
        "Write `.example.org`, `10.9.0.0/16` or `registry.example.org`.",
    )


def _port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= 65535
