"""Where the values of a spec are written."""

from __future__ import annotations

from collections.abc import Mapping

from kbootstrap.core.diagnostics import Span, SpecPath


class SourceMap:
    """Maps paths in the resolved spec to locations in the file.

    Values from `defaults:` or an anchor map to the location where they are written; a value that is not
    written maps to the nearest enclosing key that is.
    """

    def __init__(self, keys: Mapping[SpecPath, Span], values: Mapping[SpecPath, Span]) -> None:
        self._keys = keys
        self._values = values

    def key(self, path: SpecPath) -> Span | None:
        """Return the span of the key at `path`, else of the nearest enclosing written element."""
        return self._nearest(path, self._keys, self._values)

    def value(self, path: SpecPath) -> Span | None:
        """Return the span of the value at `path`, else of the nearest enclosing written element."""
        return self._nearest(path, self._values, self._keys)

    def written(self, path: SpecPath) -> bool:
        """Return whether a value is written at exactly this path (or in its defaults)."""
        return path in self._values

    @property
    def paths(self) -> tuple[SpecPath, ...]:
        """All written paths, in the order of the resolved tree."""
        return tuple(self._values)

    @staticmethod
    def _nearest(path: SpecPath, *maps: Mapping[SpecPath, Span]) -> Span | None:
        while True:
            for spans in maps:
                if path in spans:
                    return spans[path]
            if not path:
                return None
            path = path[:-1]
