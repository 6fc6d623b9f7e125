"""Decides which host keys a machine may present. Pure.

| pin, same instance | trusted keys given | pin, other instance | result                                    |
|--------------------|--------------------|---------------------|-------------------------------------------|
| any                | authorities        | any                 | a certificate of one, or a trusted key    |
| yes                | any                |                     | one of the pinned keys                    |
| no                 | yes                | any                 | one of the trusted keys, which are pinned |
| no                 | no                 | yes                 | any key; pinned for the new machine       |
| no                 | no                 | none                | any key; pinned on first contact          |

A pin takes precedence over the provider's current information: the keys of a machine do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kbootstrap.core.errors import HostKeyChanged
from kbootstrap.hosts.known_hosts import Pin, fingerprint, host_pattern

Source = Literal["trusted", "pinned", "new machine", "first contact"]


@dataclass(frozen=True, slots=True)
class Expected:
    """The keys that a machine may present, and the source of that information.

    Host certificates signed by `authorities` are accepted too. With neither keys nor authorities, the first
    key that the machine presents is accepted.
    """

    keys: tuple[str, ...]
    source: Source
    authorities: tuple[str, ...] = ()


def expect(
    *, instance: str, trusted: tuple[str, ...], pin: Pin | None, authorities: tuple[str, ...] = ()
) -> Expected:
    """Return the keys to expect from the machine `instance`."""
    if authorities:  # a host with certificates may change its keys, so a pin is not meaningful
        return Expected(trusted, "trusted", authorities)
    if pin is not None and pin.instance == instance:
        return Expected(pin.keys, "pinned")
    if trusted:
        return Expected(trusted, "trusted")
    return Expected((), "first contact" if pin is None else "new machine")


def to_pin(expected: Expected, *, alias: str, instance: str, shown: str, pin: Pin | None) -> Pin | None:
    """Return the pin to store after a connection to a host with the key `shown`; None: no change."""
    keys = (*expected.keys, shown) if expected.authorities or not expected.keys else expected.keys
    wanted = Pin(alias, instance, tuple(dict.fromkeys(" ".join(key.split()[:2]) for key in keys)))
    if pin is not None and pin.instance == instance and set(pin.keys) == set(wanted.keys):
        return None
    return wanted


def say(expected: Expected, shown: str) -> str:
    """Return the event text that explains why a key is pinned."""
    why = {
        "trusted": "known from the provider",
        "pinned": "known from an earlier run",
        "new machine": "a new machine under this name",
        "first contact": "first contact",
    }[expected.source]
    return f"host key {fingerprint(shown)} pinned: {why}"


def refuse(
    expected: Expected, *, name: str, where: str, alias: str, shown: str, file: Path, why: str = ""
) -> HostKeyChanged:
    """Return the error for a host with an unexpected key; `why` is the reason if no key was presented."""
    if not shown:
        return HostKeyChanged(
            f"{name} ({where}) shows a host key that is not accepted: {why}",
            hint="look at the lines of the file `known_hosts` that the spec names, @cert-authority and "
            "@revoked among them, and at the certificate on the machine (ssh-keygen -L)",
            code="KB0702",
            host=name,
        )
    kind = shown.split(maxsplit=1)[0]
    same_kind = [key for key in expected.keys if key.startswith(f"{kind} ")]
    known = ", ".join(fingerprint(key) for key in same_kind or expected.keys)
    if expected.authorities:
        signers = ", ".join(fingerprint(key) for key in expected.authorities)
        known += f"{', or ' if known else ''}a certificate of {signers}"
    if expected.source == "trusted":
        what = "known is"
        hint = (
            "the machine that answers is not the one that is meant: check the address, whether something "
            "intercepts the connection, and the file `known_hosts` of the spec where it names one"
        )
    else:
        what = "pinned is"
        hint = (
            "it is the same machine as before, so its key should not change: the connection may be "
            "intercepted. If its keys were regenerated on purpose, remove the old one and run again: "
            f"ssh-keygen -R {host_pattern(alias)} -f {file}"
        )
    return HostKeyChanged(
        f"{name} ({where}) shows the host key {fingerprint(shown)}, but {what} {known}",
        hint=hint,
        code="KB0702",
        host=name,
    )
