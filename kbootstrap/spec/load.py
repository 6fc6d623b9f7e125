"""Loads a spec file into a `Spec`, or all its problems: bytes, text, tree, defaults, schema, rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, Span, SpecPath, errors, in_order
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.spec import build, document, mend, merge, reading, rules, schema_check, tree
from kbootstrap.spec.document_problems import VALUES
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.source_map import SourceMap

_COSTS = {"prices", "budget"}
"""Keys that are only checked together."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of loading: a spec if there are no errors, and all problems in file order."""

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]

    def checked(self, path: Path) -> Spec:
        """Return the spec; raises `SpecInvalid` with all problems if there is none."""
        if self.spec is None:
            count = len(errors(self.diagnostics))
            problems = "1 problem" if count == 1 else f"{count} problems"
            raise SpecInvalid(f"{path} has {problems}", diagnostics=self.diagnostics)
        return self.spec


def load(path: Path) -> Loaded:
    """Read and check a spec file. Raises `WrongUsage` if the path is not a readable file."""
    data = reading.read(path)
    text = reading.decode(data, str(path))
    return _failed([text]) if isinstance(text, Diagnostic) else load_text(text, path)


def load_text(text: str, path: Path) -> Loaded:
    """Check the text of a spec; `path` is used in spans, and relative paths are resolved from its folder."""
    read = document.parse(text, str(path))
    if read.root is None or isinstance(read.root, tree.Scalar) or read.diagnostics:
        return _failed(read.diagnostics or [_empty(read.root, text, str(path))])
    root = merge.with_defaults(read.root) if isinstance(read.root, tree.Map) else read.root
    if root.size > VALUES:
        return _failed([_too_many(root.span)])
    data, source = merge.flatten(root)
    problems = schema_check.check(data, source)
    found = [problem.diagnostic for problem in problems]
    if not isinstance(data, dict):
        return _failed(found)
    wrong = [problem.path for problem in problems]
    if problems:
        data = mend.without(data, problems)
        problems = schema_check.check(data, source)
        mend.completed(data, problems)
        wrong += [problem.path for problem in problems]
        problems = schema_check.check(data, source)
    broken = [problem.path for problem in problems]
    clusters = tuple(_clusters(data, broken))
    spec = _spec(data, clusters, broken, wrong, path, source)
    if spec is not None:
        found += rules.check(spec, frozenset(mend.doubtful(wrong)))
    ordered = in_order(found)
    return Loaded(None if errors(ordered) else spec, ordered)


def _clusters(data: dict[str, Any], broken: Iterable[SpecPath]) -> Iterator[Cluster]:
    """Yield the clusters that are valid after mending, for the rules."""
    # Rules do not depend on a provider's settings.
    bad = {
        path[1]
        for path in broken
        if path[:1] == ("clusters",) and len(path) > 1 and not (path[2:3] == ("provider",) and len(path) > 3)
    }
    clusters = data.get("clusters")
    if not isinstance(clusters, dict) or any(path == ("clusters",) for path in broken):
        return
    name = data.get("name")
    for key, cluster in clusters.items():
        if key not in bad:
            yield build.cluster(name if isinstance(name, str) else "", key, cluster)


def _spec(
    data: dict[str, Any],
    clusters: tuple[Cluster, ...],
    broken: Iterable[SpecPath],
    wrong: Iterable[SpecPath],
    path: Path,
    source: SourceMap,
) -> Spec | None:
    kept = {**data, "name": data.get("name", "")}
    if any(p[:1] == ("state",) for p in broken):
        kept["state"] = {}
    if {p[0] for p in wrong if p} & _COSTS:
        kept = {key: value for key, value in kept.items() if key not in _COSTS}
    return build.spec(kept, clusters, path, source)


def _failed(diagnostics: Iterable[Diagnostic]) -> Loaded:
    return Loaded(None, in_order(diagnostics))


def _empty(root: tree.Node | None, text: str, name: str) -> Diagnostic:
    if isinstance(root, tree.Scalar) and root.value is not None:
        return Diagnostic(
            "KB0202",
            "A spec is a map, `key: value` lines, and this file is a single string.",
            "Check that this is the right file; `kbootstrap init` writes a first spec.",
            root.span,
        )
    first = reading.lines(text)[0]
    return Diagnostic(
        "KB0101",
        f"There is nothing but comments and blank lines in {name}.",
        "`kbootstrap init` writes a first spec.",
        Span(name, 1, 1, 1, first),
    )


def _too_many(span: Span) -> Diagnostic:
    return Diagnostic(
        "KB0110",
        f"With `defaults:` in every cluster, the spec has more than {VALUES:,} values.",
        "Divide it into several specs.",
        span,
        summary="Too many values",
    )
