"""Formats of networks, addresses, endpoints and URLs."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from kbootstrap.spec.flaw import Flaw, close, quote

_HOST = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_URL = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d{1,5})?(/[^\s?#]*)?")
_FILES = re.compile(r"file:///[^\s?#]+")

ENDPOINTS = ("load_balancer", "floating_ip", "virtual_ip")
_FORMS = ", ".join(f"`{endpoint}`" for endpoint in ENDPOINTS)


def cidr(value: str) -> Flaw | None:
    """Accept IPv4 networks whose host bits are zero, with a prefix length from 1 to 32."""
    summary = "Not a network"
    address, slash, prefix = value.partition("/")
    try:
        if not slash or not prefix.isdecimal() or not prefix.isascii():
            IPv4Address(address)
            return Flaw(
                "KB0210",
                f"{quote(value)} has no prefix length.",
                f"Write {quote(address + '/24')}, with the length that you mean.",
                summary=summary,
            )
        network = IPv4Network(value, strict=False)
    except ValueError:
        reason = f"{quote(value)} is not an IPv4 network such as `10.20.0.0/16`."
        if ":" in value:
            reason += " IPv6 is not supported yet."
        return Flaw(
            "KB0210",
            reason,
            "Write four numbers from 0 to 255, a slash and a number from 1 to 32.",
            summary=summary,
        )
    if str(network.network_address) != address:
        reason = f"{quote(value)} is an address inside of {network}, not the network itself."
        return Flaw("KB0210", reason, f"Write {quote(str(network))}.", summary=summary)
    return None


def address(value: str) -> Flaw | None:
    """Accept an IPv4 address or a host name."""
    if re.fullmatch(r"[0-9.]+", value):
        try:
            IPv4Address(value)
        except AddressValueError:
            return Flaw(
                "KB0345",
                f"{quote(value)} is not an IPv4 address.",
                "Write four numbers from 0 to 255, such as `10.0.0.11`.",
            )
        return None
    if len(value) <= 253 and _HOST.fullmatch(value):
        return None
    more = " A port has its own key, `port`, and so has the user." if ":" in value or "@" in value else ""
    return Flaw(
        "KB0345",
        f"{quote(value)} is neither an IPv4 address nor a host name.{more}",
        "Write `10.0.0.11` or `node-1.example.org`.",
    )


def ipv4(value: str) -> Flaw | None:
    """Accept an IPv4 address."""
    if re.fullmatch(r"[0-9.]+", value):
        return address(value)
    more = " IPv6 is not supported yet." if ":" in value else ""
    return Flaw(
        "KB0345",
        f"{quote(value)} is not an IPv4 address.{more}",
        "Write four numbers from 0 to 255, such as `9.9.9.9`.",
    )


def listen_address(value: str) -> Flaw | None:
    """Accept an address or a host name with a port (0: any free one); IPv6 addresses are in brackets."""
    host, _, port = value.rpartition(":")
    valid = host if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host) else address(host) is None
    if valid and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65535:
        return None
    return Flaw(
        "KB0345",
        f"{quote(value)} is not an address with a port.",
        "Write `0.0.0.0:8086`, or another port up to 65535.",
    )


def api_endpoint(value: str) -> Flaw | None:
    """Accept a kind of endpoint, an IPv4 address or a full host name."""
    if value in ENDPOINTS:
        return None
    if "." in value and address(value) is None:
        return None
    meant = close(value, ENDPOINTS)
    help_ = f"Did you mean `{meant}`?" if meant else f"Write {_FORMS}, an IPv4 address or a full host name."
    return Flaw(
        "KB0344",
        f"{quote(value)} is none of {_FORMS}, an IPv4 address, a host name with dots.",
        help_,
    )


def url(value: str) -> Flaw | None:
    """Accept http and https URLs without user, query and fragment."""
    if _URL.fullmatch(value):
        return None
    more = " Passwords must not be in the spec." if "@" in value else ""
    # The value is not shown, because it may contain a password.
    return Flaw(
        "KB0210",
        f"This is not `https://host/path` without user, query and fragment.{more}",
        "Write `https://mirror.example.org/kubernetes`.",
        summary="Not a URL",
    )


def mirror(value: str) -> Flaw | None:
    """Accept what `url` accepts, and `file:///folder`: a folder on the machine that runs kbootstrap."""
    flaw = None if _FILES.fullmatch(value) else url(value)
    if flaw is None:
        return None
    return replace(flaw, help=f"{flaw.help} A folder on this machine is `file:///srv/mirror`.")
