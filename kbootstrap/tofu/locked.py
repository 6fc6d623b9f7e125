"""`.terraform.lock.hcl`: the selected versions of providers, and the accepted hashes of their packages.

Form: "Dependency Lock File" in the documentation of OpenTofu and of Terraform. `h1:` is a hash over what is
in a package, `zh:` one of the package itself as its vendor signed it: only registries report those.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.render.hcl import Block, Value, document
from kbootstrap.spec.pins import ProviderPin

NAME = ".terraform.lock.hcl"
_HOSTS = {"OpenTofu": "registry.opentofu.org", "Terraform": "registry.terraform.io"}
"""Where each program takes a provider from whose source names no registry."""
_BLOCK = re.compile(
    r'^provider "(?P<host>[^/"]+)/(?P<source>[^"]+)" \{\n(?P<body>.*?)^\}\n*', re.MULTILINE | re.DOTALL
)
_VERSION = re.compile(r'^\s*version\s*=\s*"([^"]+)"', re.MULTILINE)
_HASH = re.compile(r'"((?:h1|zh):[^"]+)"')
_SOURCE = re.compile(r'^\s*source\s*=\s*"([^"]+)"', re.MULTILINE)
_SIGNED = "zh:"


def read(text: str, host: str | None = None) -> dict[str, ProviderPin]:
    """Return the entries of OpenTofu's lock file, by source without the registry (`namespace/type`).

    `host` takes the entries of one registry alone.
    """
    found = {}
    for block in _BLOCK.finditer(text):
        version = _VERSION.search(block["body"])
        if version and host in (None, block["host"]):
            found[block["source"]] = ProviderPin(version[1], tuple(_HASH.findall(block["body"])))
    return found


def sources(versions: str) -> tuple[str, ...]:
    """Return the sources of the providers that a root's `versions.tf` requires."""
    return tuple(dict.fromkeys(_SOURCE.findall(versions)))


def published(found: ProviderPin) -> ProviderPin:
    """Return the pin: the version, and the hashes if a registry reported them.

    What came from a mirror may have been built from source, and other machines make other bytes of that.
    """
    signed = any(one.startswith(_SIGNED) for one in found.hashes)
    return found if signed else ProviderPin(found.version)


def seed(root: Path, product: str, pins: Mapping[str, ProviderPin]) -> bool:
    """Make OpenTofu use only the pinned versions and hashes; return what changed.

    Entries of other providers stay as they are, and those that say the same already.
    """
    path, text, host = root / NAME, _text(root), _HOSTS[product]
    there = read(text, host)
    missing = {
        source: pin
        for source, pin in pins.items()
        if source not in there
        or there[source].version != pin.version
        or not {*pin.hashes} <= {*there[source].hashes}
    }
    if not missing:
        return False
    blocks = [_block(host, source, pin) for source, pin in sorted(missing.items())]
    files.write(path, f"{_without(text, missing)}{document(*blocks)}")
    return True


def forget(root: Path, names: Collection[str], *, signed: bool = False) -> None:
    """Remove the entries of providers; with `signed` only those with hashes that a registry reported."""
    text = _text(root)
    there = read(text)
    gone = {
        name
        for name in names
        if name in there and (not signed or any(h.startswith(_SIGNED) for h in there[name].hashes))
    }
    if gone:
        files.write(root / NAME, _without(text, gone))


def _text(root: Path) -> str:
    with contextlib.suppress(OSError):
        return (root / NAME).read_text(encoding="utf-8")
    return ""


def _without(text: str, names: Collection[str]) -> str:
    return _BLOCK.sub(lambda block: "" if block["source"] in names else block[0], text)


def _block(host: str, source: str, pin: ProviderPin) -> Block:
    body: dict[str, Value] = {"version": pin.version}
    if pin.hashes:
        body["hashes"] = list(pin.hashes)
    return Block("provider", f"{host}/{source}", body=body)
