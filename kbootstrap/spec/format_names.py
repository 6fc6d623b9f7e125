"""Formats of names, with corrections for invalid ones."""

from __future__ import annotations

import re

from kbootstrap.spec.flaw import Flaw, quote

# RFC 1123, section 2.1; Kubernetes: "Object Names and IDs". A letter first also makes it an RFC 1035 label.
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
NODE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # useradd(8), "Caveats"


def dns_label(value: str) -> Flaw | None:
    """Accept names that Kubernetes, container engines and host names all accept."""
    if _LABEL.fullmatch(value):
        return None
    better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63].strip("-")
    help_ = f"Write {quote(better)}." if _LABEL.fullmatch(better) else "Write a name such as `production`."
    reason = (
        f"{quote(value)} becomes part of names of machines: 1 to 63 lower-case letters, digits and dashes, "
        "a letter first, no dash at the end."
    )
    return Flaw("KB0301", reason, help_)


def node_name(value: str) -> Flaw | None:
    """Accept names of existing nodes: one or more DNS labels, separated by dots."""
    if len(value) <= 63 and NODE.fullmatch(value):
        return None
    reason = (
        f"{quote(value)} becomes the node's name in Kubernetes: at most 63 lower-case letters, digits, "
        "dashes and dots."
    )
    return Flaw("KB0301", reason, "Write the machine's host name in lower case.")


def bucket_name(value: str) -> Flaw | None:
    """Accept bucket names that S3 and Swift both accept."""
    if _BUCKET.fullmatch(value) and ".." not in value:
        return None
    reason = f"{quote(value)} is not a bucket name: 3 to 63 lower-case letters, digits, dashes and dots."
    return Flaw("KB0301", reason, "Write a name such as `exponent-backups`.")


def env_name(value: str) -> Flaw | None:
    """Accept names of environment variables."""
    if _ENVIRONMENT.fullmatch(value):
        return None
    # The value is not shown, because it may be the secret itself.
    return Flaw(
        "KB0210",
        "The name of an environment variable has letters, digits and underscores only; the secret itself "
        "must not be here.",
        "Write the name without `$`, such as `KB_S3`.",
        summary="Not a variable's name",
    )


def user_name(value: str) -> Flaw | None:
    """Accept names of Linux users."""
    if _USER.fullmatch(value):
        return None
    return Flaw(
        "KB0301",
        f"{quote(value)} is not a Linux user name.",
        "Write a name such as `debian`.",
    )
