"""Reads `<spec>.lock.yaml`. It may be merged by hand in git, so errors are reported like those of a spec."""

from __future__ import annotations

import re
from pathlib import Path

from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.core.errors import SpecInvalid, WrongUsage
from kbootstrap.spec import document, reading
from kbootstrap.spec.lock import FIRST, VERSION, AddressBlock, Lock
from kbootstrap.spec.pins import ArtifactPin, ImagePin, ProviderPin
from kbootstrap.spec.tree import Items, Map, Node, Scalar

_PARTS = {"apiVersion", "addresses", "images", "artifacts", "providers"}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASH = re.compile(r"(h1:[A-Za-z0-9+/]{43}=|zh:[0-9a-f]{64})")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


class _Broken(Exception):
    def __init__(self, reason: str, span: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span


def load(path: Path) -> Lock:
    """Read a lock file; a missing file is an empty lock. Raises `SpecInvalid` if it is invalid."""
    return read(path) if path.exists() else Lock()


def read(path: Path) -> Lock:
    """Read an existing lock file. Raises `SpecInvalid` with diagnostics if it is invalid."""
    try:
        data = reading.read(path)
    except WrongUsage as error:
        raise SpecInvalid(
            error.message,
            hint=f"{path.name} is the lock file, made beside the spec: take it from version control",
            code="KB0410",
        ) from None
    text = reading.decode(data, str(path))
    if isinstance(text, Diagnostic):
        raise _invalid(path, text)
    parsed = document.parse(text, str(path))
    if parsed.diagnostics:
        raise _invalid(path, *parsed.diagnostics)
    if parsed.root is None:
        return Lock()
    try:
        return _lock(parsed.root)
    except _Broken as broken:
        problem = Diagnostic(
            "KB0410",
            broken.reason,
            "Take the file from version control, or delete it: nodes may then get other addresses.",
            broken.span,
        )
        raise _invalid(path, problem) from None


def _lock(root: Node) -> Lock:
    top = _map(root)
    version = top.get("apiVersion")
    if not isinstance(version, Scalar) or version.value != VERSION:
        raise _Broken(f"`apiVersion: {VERSION}` is missing or another one.", (version or root).span)
    if unknown := sorted(top.keys() - _PARTS):
        raise _Broken(f"`{unknown[0]}` is not part of a lock file.", top[unknown[0]].span)
    addresses, images, artifacts, providers = (
        _map(top[part]) if part in top else {} for part in ("addresses", "images", "artifacts", "providers")
    )
    return Lock(
        {
            cluster: {pool: _blocks(blocks) for pool, blocks in _map(pools).items()}
            for cluster, pools in addresses.items()
        },
        {cluster: _image(image) for cluster, image in images.items()},
        {
            name: {version: _artifact(pin) for version, pin in _map(versions).items()}
            for name, versions in artifacts.items()
        },
        {source: _provider(pin) for source, pin in providers.items()},
    )


def _artifact(node: Node) -> ArtifactPin:
    entries = _map(node)
    if not entries or entries.keys() - {"published", "recipe"}:
        raise _Broken("A version has the keys `published` and `recipe`, or one of them.", node.span)
    sums = _map(entries["published"]) if "published" in entries else {}
    published = {file: _matching(sha, _SHA256, "the SHA-256 of a file") for file, sha in sums.items()}
    recipe = entries.get("recipe")
    return ArtifactPin(published, _matching(recipe, _SHA256, "a SHA-256") if recipe else None)


def _provider(node: Node) -> ProviderPin:
    entries = _map(node)
    if "version" not in entries or entries.keys() - {"version", "hashes"}:
        raise _Broken("A provider has the key `version`, and `hashes` where they are known.", node.span)
    hashes = entries.get("hashes")
    if hashes is not None and not isinstance(hashes, Items):
        raise _Broken("A provider has a list of hashes.", hashes.span)
    return ProviderPin(
        _matching(entries["version"], _NUMBERS, "a version"),
        tuple(_matching(one, _HASH, "a hash of OpenTofu's") for one in (hashes.items if hashes else ())),
    )


def _matching(node: Node, form: re.Pattern[str], what: str) -> str:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not form.fullmatch(node.value):
        raise _Broken(f"This must be {what}.", node.span)
    return node.value


def _image(node: Node) -> ImagePin:
    entries = _map(node)
    if entries.keys() != {"name", "id"}:
        raise _Broken("An image has the keys `name` and `id`.", node.span)
    return ImagePin(_text(entries["name"]), _text(entries["id"]))


def _text(node: Node) -> str:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
        raise _Broken("This must be a text.", node.span)
    return node.value


def _blocks(node: Node) -> tuple[AddressBlock, ...]:
    if not isinstance(node, Items):
        raise _Broken("A pool has a list of blocks.", node.span)
    return tuple(_block(item) for item in node.items)


def _block(node: Node) -> AddressBlock:
    entries = _map(node)
    if entries.keys() != {"first", "size"}:
        raise _Broken("A block has the keys `first` and `size`.", node.span)
    first, size = _number(entries["first"], FIRST), _number(entries["size"], 1)
    return AddressBlock(first, size)


def _number(node: Node, least: int) -> int:
    if not isinstance(node, Scalar) or type(node.value) is not int or node.value < least:
        raise _Broken(f"This must be a whole number, {least} or more.", node.span)
    return node.value


def _map(node: Node) -> dict[str, Node]:
    if not isinstance(node, Map):
        raise _Broken("A map is expected here.", node.span)
    return {key: entry.value for key, entry in node.entries.items()}


def _invalid(path: Path, *problems: Diagnostic) -> SpecInvalid:
    return SpecInvalid(
        f"the lock file {path} is broken",
        hint="it is committed beside the spec: take it from there",
        code="KB0410",
        diagnostics=problems,
    )
