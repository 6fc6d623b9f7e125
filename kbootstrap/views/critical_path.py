"""The critical path as one line of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kbootstrap.core.events import Event, Part
from kbootstrap.views.addresses import step_text
from kbootstrap.views.amounts import duration
from kbootstrap.views.screen import PROSE, harmless
from kbootstrap.views.symbols import Symbols

_ENOUGH = 0.75
"""Share of the path that the shown parts should have; with less, their names are shortened further."""
_CUT = 30
"""Letters of a step in the shortest form."""

_Name = Callable[[Part], str]


def critical_path_of(event: Event, symbols: Symbols) -> str:
    """Write the path of a `critical_path` event."""
    return critical_path_line(event.seconds or 0.0, event.parts or (), ellipsis=symbols.ellipsis)


def critical_path_line(
    seconds: float, parts: Sequence[Part], *, width: int = PROSE, ellipsis: str = "…"
) -> str:
    """Write the path in at most `width` columns: `Critical path (20s): plan 2.0s, web-1: drain the node 18s`.

    Parts are in order of time. When not all of them fit, the longest ones are shown, and `ellipsis` ends the
    line. When these are too little of the path, nodes lose the name of their cluster, then nodes are left out
    and equal steps of several nodes become one, then long steps are cut.
    """
    several = len({part.cluster for part in parts if part.cluster}) > 1
    best, most = "", -1.0
    for name in (_full(several), _short(several), _what(several), _cut(several, ellipsis)):
        text, share = _fitted(seconds, _named(parts, name), width, ellipsis)
        if share >= _ENOUGH:
            return text
        if share > most:
            best, most = text, share
    return best


def _fitted(seconds: float, named: dict[str, float], width: int, ellipsis: str) -> tuple[str, float]:
    """Return the line with as many parts as fit, the longest first, and the share of the path they have."""
    head = f"Critical path ({duration(seconds)}): "
    shown: set[str] = set()
    text, share = head + ellipsis, 0.0
    for name in sorted(named, key=lambda name: -named[name]):
        words = [f"{one}{duration(named[one])}" for one in named if one in shown | {name}]
        tried = head + ", ".join([*words, *([ellipsis] if len(words) < len(named) else [])])
        if len(tried) > width:
            break  # not a shorter one in its place: the line shows the longest parts
        shown.add(name)
        text, share = tried, share + named[name] / max(seconds, 0.001)
    return text, share


def _named(parts: Sequence[Part], name: _Name) -> dict[str, float]:
    """Return the parts by name, each with a blank behind it; parts with the same name are added."""
    times: dict[str, list[float]] = {}
    for part in parts:
        times.setdefault(name(part), []).append(part.seconds)
    return {
        f"{text} on {len(found)} nodes " if len(found) > 1 else f"{text} ": sum(found)
        for text, found in times.items()
    }


def _full(several: bool) -> _Name:
    """Return a function that names node and step, or the phase, with the cluster where there are several."""

    def name(part: Part) -> str:
        if part.node:
            said = part.cluster is None or part.node.startswith(f"{part.cluster}-")
            where = part.node if said or not several else f"{part.cluster}/{part.node}"
            return f"{harmless(where)}: {_step(part)}"
        return _with_cluster(part, _step(part), several)

    return name


def _short(several: bool) -> _Name:
    """Return a function that leaves the cluster out of the names of nodes where there is only one."""
    full = _full(several)

    def name(part: Part) -> str:
        text = full(part)
        return text if several or not part.cluster else text.removeprefix(f"{part.cluster}-")

    return name


def _what(several: bool) -> _Name:
    return lambda part: _with_cluster(part, _step(part), several)


def _cut(several: bool, ellipsis: str) -> _Name:
    def name(part: Part) -> str:
        text = _step(part)
        short = text if len(text) <= _CUT else text[: _CUT - len(ellipsis)].rstrip() + ellipsis
        return _with_cluster(part, short, several)

    return name


def _with_cluster(part: Part, text: str, several: bool) -> str:
    return f"{part.cluster}: {text}" if several and part.cluster else text


def _step(part: Part) -> str:
    if part.step:
        return step_text(part.step, node=part.node)
    return harmless(part.phase or "between phases")
