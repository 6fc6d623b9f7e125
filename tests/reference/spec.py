"""The page of every key of the spec, from the schemas."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.spec import schemas
from kbootstrap.spec.explain import Explanation, all_keys, explain_key
from tests.reference.markdown import anchor, cell, code

_PROVIDER = "clusters.provider."


def page() -> str:
    """Return the page."""
    found = [explained for key in all_keys() if (explained := explain_key(key)) is not None]
    lines = [
        "# Keys of the spec",
        "",
        "Every key with its type, default and examples, as `kbootstrap explain KEY` prints them. The names",
        "of clusters and the positions in lists are left out: `clusters.pools.labels` is the `labels` of any",
        "pool of any cluster. All keys of a cluster are also allowed in `defaults`.",
        "[The spec](../spec.md) describes how the keys work together.",
        "",
        *_contents(found),
    ]
    for one in found:
        lines += ["", *_entry(one)]
    return "\n".join(lines) + "\n"


def _contents(found: list[Explanation]) -> Iterator[str]:
    """Link the keys of a cluster and the providers: what a reader looks for first."""
    for one in found:
        depth = one.path.count(".")
        provider = one.path.startswith(_PROVIDER) and depth == 2
        if depth == 0 or (one.path.startswith("clusters.") and depth == 1) or provider:
            yield f"{'  ' * min(depth, 2)}- [`{one.path.rpartition('.')[2]}`](#{anchor(one.path)})"


def _entry(one: Explanation) -> Iterator[str]:
    yield f"## {one.path}"
    yield ""
    yield one.description
    yield ""
    rows = [
        ("type", one.type),
        ("required", "yes" if one.required else ""),
        ("default", code(one.default)),
        ("values", ", ".join(map(code, one.values))),
        ("providers", ", ".join(code(name) for name in _providers(one.path))),
        ("example" if len(one.examples) == 1 else "examples", "<br>".join(map(code, one.examples))),
    ]
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {cell(text)} |" for name, text in rows if text)
    if one.keys:
        yield ""
        yield "Keys: " + ", ".join(f"[`{name}`](#{anchor(f'{one.path}.{name}')})" for name, _, _ in one.keys)


def _providers(path: str) -> tuple[str, ...]:
    """Return the providers that support a key, for keys that not all of them support."""
    dotted = path.removeprefix("clusters.").replace("control_plane.", "pools.")
    special = {key for name in schemas.providers() for key in schemas.supports(name) or ()}
    if dotted not in special:
        return ()
    return tuple(name for name in schemas.providers() if dotted in (schemas.supports(name) or ()))
