"""Traces an HCL address or a line of HCL back to the line of the spec from which it was rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kbootstrap.core.diagnostics import Span, SpecPath
from kbootstrap.render.address import prefixes
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.source_map import SourceMap

_BLOCK = re.compile(r'(?P<kind>\w+)(?: "(?P<first>[^"]*)")?(?: "(?P<second>[^"]*)")? \{')


class Provenance:
    """The provenance of one cluster's root. `files` are its files as written, by name, with their headers."""

    def __init__(
        self, places: Mapping[str, SpecPath], files: Mapping[str, str], source: SourceMap | None
    ) -> None:
        self._places = places
        self._blocks = {name: _blocks(text) for name, text in files.items()}
        self._source = source

    @classmethod
    def of(cls, root: RenderedRoot, files: Mapping[str, str], cluster: str, source: SourceMap) -> Provenance:
        """Return the provenance of a root, with lines of the assembled tree (`RenderedTree.files`)."""
        own = {name: files[f"{cluster}/{name}"] for name in root.files}
        return cls(root.provenance, own, source)

    def path(self, address: str) -> SpecPath | None:
        """Return the spec path from which `address` was rendered; the longest known prefix wins."""
        return next((self._places[part] for part in prefixes(address) if part in self._places), None)

    def address(self, file: str, line: int) -> str | None:
        """Return the address of the block that contains a line (from 1) of a rendered file of this root."""
        for first, last, address in self._blocks.get(file.removeprefix("./"), ()):
            if first <= line <= last:
                return address
        return None

    def span(self, path: SpecPath | None) -> Span | None:
        """Return the span of a spec path: its key, or the first line of a list item."""
        return self._source.key(path) if path and self._source else None


NOWHERE = Provenance({}, {}, None)
"""For roots without a spec."""


def _blocks(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return the top-level blocks of a formatted file: first line, last line, address."""
    found: list[tuple[int, int, str]] = []
    start: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        match = _BLOCK.match(line)
        if match and not start:
            start = (number, _address(**match.groupdict()))
        if start and (line == "}" or line.endswith("{}")) and not line.startswith(" "):
            found.append((start[0], number, start[1]))
            start = None
    return tuple(found)


def _address(kind: str, first: str | None, second: str | None) -> str:
    """Return a block's address as in OpenTofu: `resource "a" "b"` is `a.b`, `module "m"` is `module.m`."""
    names = [name for name in (first, second) if name]
    shown = {"resource": [], "variable": ["var"]}.get(kind, [kind])
    return ".".join([*shown, *names])
