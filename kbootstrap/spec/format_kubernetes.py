"""Formats of versions, labels, taints, schedules, paths and public keys."""

from __future__ import annotations

import base64
import re

from kbootstrap.spec import cron, distributions, system_labels
from kbootstrap.spec.flaw import Flaw, close, quote
from kbootstrap.spec.format_names import NODE
from kbootstrap.spec.references import is_private_key

# Kubernetes: "Labels and Selectors", syntax and character set.
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PUBLIC_KEY = re.compile(
    r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-\S+@openssh\.com) [A-Za-z0-9+/]{40,}={0,3}( .*)?"
)
_PERCENTAGE = re.compile(r"[1-9]\d?%|100%", re.ASCII)
_WHOLE = 100
_OPTIONS = re.compile(r"""(?:[^\s"]|"(?:\\.|[^"\\])*")+[ \t]+""")
"""Matches the options before a key in authorized_keys (sshd(8), "AUTHORIZED_KEYS FILE FORMAT")."""

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def kubernetes_version(value: str) -> Flaw | None:
    """Accept full versions of any distribution, in the form of its release names."""
    if distributions.of_version(value):
        return None
    summary = "Not a full version"
    reason = f"{quote(value)} is not how releases are named: every part counts, so that nodes never differ."
    if distributions.of_version(f"v{value}"):
        return Flaw("KB0341", reason, f"Write `v{value}`.", summary=summary)
    if re.fullmatch(r"v?\d{1,3}(\.\d{1,3}){0,2}", value):
        number = ".".join([*value.removeprefix("v").split("."), "0", "0"][:3])
        named = [f"`{one.version.first(f'v{number}')}` for {one.title}" for one in distributions.every()]
        help_ = f"Write the whole name, such as {' or '.join(named)}."
        return Flaw("KB0341", reason, help_, summary=summary)
    if value in {"stable", "latest", "testing"}:
        return Flaw(
            "KB0341",
            f"{quote(value)} is a channel: what it means changes from day to day.",
            f"Write a version, such as `{distributions.default().version.example}`.",
            summary=summary,
        )
    examples = [f"`{one.version.example}` for {one.title}" for one in distributions.every()]
    return Flaw("KB0341", reason, f"Write {' or '.join(examples)}.", summary=summary)


def percentage(value: str) -> Flaw | None:
    """Accept a whole number from 1 to 100 with a percent sign."""
    if _PERCENTAGE.fullmatch(value):
        return None
    number = value.strip().removesuffix("%").strip()
    if number.isascii() and number.isdecimal() and 1 <= int(number) <= _WHOLE:
        help_ = f"Write {quote(number + '%')}, or the number of nodes without quotes."
    else:
        help_ = "Write `25%`, or a number of nodes such as `2`."
    return Flaw("KB0359", f"{quote(value)} is not a percentage from 1% to 100%.", help_)


def taint(value: str) -> Flaw | None:
    """Accept `key=value:Effect` and `key:Effect`."""
    summary = "Invalid taint"
    body, colon, effect = value.rpartition(":")
    if not colon:
        return Flaw(
            "KB0342",
            f"{quote(value)} has no effect.",
            f"Write {quote(value + ':NoSchedule')}, or another effect: {', '.join(EFFECTS)}.",
            summary=summary,
        )
    if effect not in EFFECTS:
        meant = close(effect, EFFECTS)
        help_ = f"Did you mean `{meant}`?" if meant else f"Write one of {', '.join(EFFECTS)}."
        return Flaw("KB0342", f"{quote(effect)} is not an effect.", help_, summary=summary)
    key, _, content = body.partition("=")
    if _qualified_name(key) is not None or (content and not _LABEL_NAME.fullmatch(content)):
        return Flaw(
            "KB0342",
            f"{quote(value)} is not `key=value:Effect` with a label's key and value.",
            "Write `dedicated=db:NoSchedule`.",
            summary=summary,
        )
    if owner := system_labels.TAINTS.get(key):
        return Flaw(
            "KB0362",
            f"{owner} adds and removes the taint `{key}` by the node's condition.",
            "Use a key of your own, such as `dedicated=db:NoSchedule`.",
        )
    return None


def label_key(value: str) -> Flaw | None:
    """Accept keys of labels that the spec may set: a name with an optional domain prefix."""
    if owner := system_labels.LABELS.get(value):
        return Flaw(
            "KB0362",
            f"{owner} sets `{value}`, and other programs rely on its value.",
            f"Use a label of your own, such as `example.org/{value.rpartition('/')[2]}`.",
        )
    return _qualified_name(value)


def _qualified_name(value: str) -> Flaw | None:
    """Accept valid Kubernetes keys of labels and taints."""
    prefix, slash, name = value.rpartition("/")
    good = _LABEL_NAME.fullmatch(name) and (not slash or (len(prefix) <= 253 and NODE.fullmatch(prefix)))
    if good:
        return None
    return Flaw(
        "KB0343",
        f"{quote(value)} is not a label key: at most 63 letters, digits, `-`, `_`, `.`, and a domain with "
        "a slash before it.",
        "Write `tier` or `example.org/tier`.",
    )


def label_value(value: str) -> Flaw | None:
    """Accept values of labels; empty is allowed."""
    if value == "" or _LABEL_NAME.fullmatch(value):
        return None
    return Flaw(
        "KB0343",
        f"{quote(value)} is not a label value: at most 63 letters, digits, `-`, `_`, `.`, beginning and "
        "ending with a letter or digit.",
        "Shorten it, or replace the other characters by dashes.",
    )


def schedule(value: str) -> Flaw | None:
    """Accept cron with five fields."""
    reason = cron.problem(value)
    if reason is None:
        return None
    return Flaw(
        "KB0340",
        reason,
        'Write minute, hour, day, month, weekday: "0 */6 * * *" is every six hours.',
    )


def absolute_path(value: str) -> Flaw | None:
    """Accept absolute paths of folders, without `..`."""
    good = (
        value.startswith("/")
        and ".." not in value.split("/")
        and not re.search(r"[\s:,]", value)
        and value != "/"
    )
    if good:
        return None
    return Flaw(
        "KB0210",
        f"{quote(value)} must begin with a slash, be more than `/`, and have no `..`, space, colon or comma.",
        "Write `/var/lib/data`.",
        summary="Not an absolute path",
    )


def public_key(value: str) -> Flaw | None:
    """Accept one public key in the format of authorized_keys."""
    if is_private_key(value):
        return Flaw(
            "KB0210",
            "This is a private key; it is public as soon as the spec is committed.",
            "Make a new key pair, and write the public key, or `{file: ~/.ssh/id_ed25519.pub}`.",
            summary="Private key in the spec",
        )
    if _PUBLIC_KEY.fullmatch(value):
        if _is_whole(*value.split()[:2]):
            return None
        return Flaw(
            "KB0210",
            "The key is cut off, or its text is of another type than its first word.",
            "Copy the line of the `.pub` file again, as a whole.",
            summary="Not a public key",
        )
    help_ = (
        f"Write `{{file: {value}}}`."
        if value.startswith(("~", "/", "."))
        else "Write `{file: ~/.ssh/id_ed25519.pub}`, or the line of that file."
    )
    return Flaw(
        "KB0210", "This is not a line such as `ssh-ed25519 AAAA… name`.", help_, summary="Not a public key"
    )


def authorized_key(line: str) -> Flaw | None:
    """Accept a line of an authorized_keys file: a public key with optional options before it."""
    options = None if _PUBLIC_KEY.fullmatch(line) else _OPTIONS.match(line)
    return public_key(line[options.end() :] if options else line)


def _is_whole(kind: str, text: str) -> bool:
    """Return whether a key has all its fields, the first being its type (RFC 4253, section 6.6)."""
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    fields: list[bytes] = []
    place = 0
    while place < len(blob):
        end = place + 4 + int.from_bytes(blob[place : place + 4], "big")
        fields.append(blob[place + 4 : end])
        place = end
    return place == len(blob) and len(fields) > 1 and fields[0] == kind.encode()
