"""Reads the audits of `audits/*.toml`.

Each has `id`, `title`, `means`, one reading, and for settings `expect`. Keys of readings:

- `argument`: `of` a component, `name` or `names`, `key` or `keys` in its configuration file, `default`
- `etcd`: `keys` of its configuration file, `default`
- `files`: `paths`, and `mode` or `owner`; `etcd`, `optional`
- `kernel`, `sshd`: the name of a setting; `own`: the name of a function in `own_audits.py`

`severity` is `error` unless it says otherwise; `roles` are those of the file. The others are as in `Audit`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from kbootstrap.checks.conformance.audit import (
    ArgumentReading,
    Audit,
    EtcdReading,
    FileReading,
    KernelReading,
    OwnReading,
    Reading,
    SshdReading,
)
from kbootstrap.checks.conformance.expected import Expectation
from kbootstrap.checks.report import Rule
from kbootstrap.core.diagnostics import Severity

_EVERY = ("server", "agent")
PARTS: Mapping[str, tuple[str, ...]] = {"control_plane": ("server",), "node": _EVERY, "host": _EVERY}
"""The files, in the order of reports, and the roles of nodes that their audits are for."""
CIPHERS = tuple(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305")
)
"""What the benchmark allows, without the two of its ciphers that have no forward secrecy."""


@functools.cache
def audits(part: str = "") -> tuple[Audit, ...]:
    """Return the audits of a file, or all, in the order of reports."""
    if not part:
        return tuple(one for name in PARTS for one in audits(name))
    text = files(__package__).joinpath("audits", f"{part}.toml").read_text("utf-8")
    return tuple(_audit(raw, PARTS[part]) for raw in tomllib.loads(text)["audit"])


def _audit(raw: Mapping[str, Any], roles: tuple[str, ...]) -> Audit:
    severity = Severity(raw.get("severity", "error"))
    return Audit(
        rule=Rule(raw["id"], raw["title"], severity, raw["means"]),
        roles=tuple(raw.get("roles", roles)),
        reading=_reading(raw),
        expected=_expected(raw["expect"]) if "expect" in raw else None,
        spec=raw.get("spec", ""),
        usual=raw.get("usual", False),
        value=raw.get("value", ""),
        fix=raw.get("fix", "").strip(),
        pods=raw.get("pods", False) or "{pods}" in str(raw.get("files", "")),
    )


def _reading(raw: Mapping[str, Any]) -> Reading:
    if found := raw.get("argument"):
        return ArgumentReading(
            found["of"], _several(found, "name"), _several(found, "key"), found.get("default")
        )
    if found := raw.get("etcd"):
        return EtcdReading(tuple(found["keys"]), found.get("default"))
    if found := raw.get("files"):
        mode = int(found["mode"], 8) if "mode" in found else None
        return FileReading(
            tuple(found["paths"]),
            mode,
            found.get("owner", ""),
            tuple(found.get("etcd", ())),
            optional=found.get("optional", False),
        )
    if found := raw.get("kernel"):
        return KernelReading(found)
    return SshdReading(raw["sshd"]) if "sshd" in raw else OwnReading(raw["own"])


def _several(found: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return (found[key],) if key in found else tuple(found.get(f"{key}s", ()))


def _expected(raw: Mapping[str, Any]) -> Expectation:
    [(kind, value)] = raw.items()
    if kind in ("set", "unset"):
        return Expectation.of(kind, ())
    if value == "ciphers":
        return Expectation.of(kind, CIPHERS)
    return Expectation.of(kind, value if isinstance(value, list) else (str(value),))
