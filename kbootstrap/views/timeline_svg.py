"""A timeline as a picture: rows of bars above a time axis, as SVG. Pure.

Bars show phases and steps, their colour shows the kind of work, and their title (a tooltip in browsers) the
details. A dark line below bars is the critical path. The picture needs no script, style sheet or font file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kbootstrap.core.events import Status
from kbootstrap.timeline.critical_path import Link, critical_path, parts
from kbootstrap.timeline.kinds import SpanKind, kind
from kbootstrap.timeline.rows import rows
from kbootstrap.timeline.spans import Timeline, TimelineSpan
from kbootstrap.views.addresses import step_text
from kbootstrap.views.amounts import duration
from kbootstrap.views.critical_path import critical_path_line
from kbootstrap.views.screen import harmless
from kbootstrap.views.timeline_layout import (
    LETTER,
    WIDTH,
    Layout,
    Placed,
    density,
    layout,
    mark_text,
    marks,
)
from kbootstrap.views.xml import xml_text

_COLOURS = {
    SpanKind.PLAN: "#cfd6de",
    SpanKind.INFRASTRUCTURE: "#a5cdec",
    SpanKind.CONNECT: "#a9dccf",
    SpanKind.FILES: "#bddf9e",
    SpanKind.SERVICE: "#f7c08a",
    SpanKind.WAIT: "#f3e192",
    SpanKind.NODES: "#d9c8ea",
}
_FAILED = "#f4a19a"
_TEXT, _FAINT, _GRID, _EDGE, _PATH = "#1f2328", "#57606a", "#dfe3e8", "#8b949e", "#1f2328"
_FONTS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
_HATCH = (
    '<defs><pattern id="unfinished" width="6" height="6" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45)"><rect width="2" height="6" fill="#ffffff" fill-opacity="0.75"/>'
    "</pattern></defs>"
)
_HEAD = 92
"""Height of titles and legend; the axis is below them."""
_AXIS = 22
_LEAST = 1.5
"""Width of the shortest bar."""
_SMALL = 10
"""Size of the letters in bars."""
_SHORTEST_STEP, _SHORTEST_PHASE = 0.002, 0.01
"""Shares of the run below which a stretch of the critical path is not drawn: it would only add lines."""
_LEGEND = 150
"""Columns of the critical path in the picture."""


def timeline_svg(timeline: Timeline) -> str:
    """Return the picture."""
    nodes = {(span.cluster, span.node) for span in timeline.spans if span.node}
    arranged = rows(timeline.spans, most=density(len(nodes)).lanes)
    place = layout(arranged, timeline.seconds, top=_HEAD + _AXIS)
    path = critical_path(timeline.spans)
    height = place.bottom + _AXIS + 12
    lines = [
        *_open(timeline, height),
        *_head(timeline, path),
        *_rows(place),
        *_axis(place),
        *(line for one in place.placed for line in _bars(one, place)),
        *_critical(path, place),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _open(timeline: Timeline, height: int) -> Iterator[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    font = f'font-family="{_FONTS}" font-size="11" fill="{_TEXT}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>'
    yield f"<title>{xml_text(_title(timeline))}</title>"
    yield _HATCH
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'


def _title(timeline: Timeline) -> str:
    clusters = dict.fromkeys(span.cluster for span in timeline.spans if span.cluster)
    named = f" {', '.join(clusters)}" if clusters else ""
    return f"kbootstrap apply{named}: {duration(timeline.seconds)}"


def _head(timeline: Timeline, path: Sequence[Link]) -> Iterator[str]:
    yield _text(16, 26, _fit(_title(timeline), 110), size=16, weight=600)
    began = timeline.began.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield _text(WIDTH - 16, 26, f"began {began}", colour=_FAINT, anchor="end")
    if path:
        total = sum(link.seconds for link in path)
        yield _text(16, 48, critical_path_line(total, parts(path), width=_LEGEND))
    yield from _legend(timeline, path)


def _legend(timeline: Timeline, path: Sequence[Link]) -> Iterator[str]:
    x, y = 16.0, 64
    present = {kind(span) for span in timeline.spans}
    signs = [(one.value, _box(x, y, 14, 12, _COLOURS[one])) for one in SpanKind if one in present]
    if any(span.status is Status.FAILED for span in timeline.spans):
        signs.append(("failed", _box(x, y, 14, 12, _FAILED)))
    if any(span.unfinished for span in timeline.spans):
        signs.append(("not finished", _box(x, y, 14, 12, _COLOURS[SpanKind.PLAN], dashed=True)))
    if path:
        line = f'<path d="M{x} {y + 9}h14" stroke="{_PATH}" stroke-width="3"/>'
        signs.append(("critical path", line))
    for name, sign in signs:
        yield f'<g transform="translate({x - 16:g} 0)">{sign}{_text(36, y + 10, name)}</g>'
        x += 20 + len(name) * LETTER + 18


def _axis(place: Layout) -> Iterator[str]:
    times = marks(place.seconds)
    tenths = len(times) > 1 and times[1] < 1
    for time in times:
        x = place.x(time)
        yield f'<path d="M{x:g} {place.top - 4}V{place.bottom + 4}" stroke="{_GRID}"/>'
        for y in (place.top - 8, place.bottom + 16):
            yield _text(x, y, mark_text(time, tenths=tenths), colour=_FAINT, anchor="middle")


def _rows(place: Layout) -> Iterator[str]:
    for number, one in enumerate(place.placed):
        if one.row.node is None or number % 2:
            shade = "#eef1f4" if one.row.node is None else "#f8f9fa"
            yield f'<rect y="{one.top}" width="{WIDTH}" height="{one.height}" fill="{shade}"/>'
        weight = 600 if one.row.node is None else 400
        full = one.row.node or one.row.cluster
        yield _text(16, one.top + one.height / 2 + 4, one.name, weight=weight, tip=full)


def _bars(one: Placed, place: Layout) -> Iterator[str]:
    for lane in one.row.lanes:
        for number, span in enumerate(lane):
            x, y = place.x(span.begin), place.y(span)
            width = max(place.x(span.end) - x, _LEAST)
            following = place.x(lane[number + 1].begin) - x if number + 1 < len(lane) else width
            room = int((min(width, max(following, 0.0)) - 6) / (LETTER * _SMALL / 11))
            colour = _FAILED if span.status is Status.FAILED else _COLOURS[kind(span)]
            bar = _box(x, y + 1, width, place.density.lane - 2, colour, dashed=span.unfinished)
            label = _label(span, room) if place.density.lane > _SMALL else ""
            base = y + place.density.lane / 2 + 3
            words = _text(x + 3, base, label, size=_SMALL) if label else ""
            yield f"<g><title>{xml_text(_tip(span))}</title>{bar}{words}</g>"


def _label(span: TimelineSpan, room: int) -> str:
    """Return the text in a bar: name and duration, the name, or its beginning."""
    name = " ".join(step_text(span.title, node=span.node).split())
    timed = f"{name} {duration(span.seconds)}"
    if len(timed) <= room:
        return timed
    return _fit(name, room) if room >= min(len(name), 5) else ""


def _tip(span: TimelineSpan) -> str:
    where = span.node or span.cluster
    said = "not finished" if span.unfinished else span.status.value
    lines = [
        f"{where}: {step_text(span.title)}" if where else step_text(span.title),
        f"{duration(span.seconds)} ({span.begin:.1f}s to {span.end:.1f}s), {said}",
        *harmless(span.detail).splitlines()[:5],
    ]
    return "\n".join(lines)


def _critical(path: Sequence[Link], place: Layout) -> Iterator[str]:
    """Draw the critical path: a thick line below each bar, thin lines from one to the next."""
    thick, thin = [], []
    last: tuple[float, float] | None = None
    for link in path:
        least = _SHORTEST_STEP if link.span and link.span.step else _SHORTEST_PHASE
        if link.span is None or link.seconds < least * place.seconds:
            continue
        x, y = place.x(link.begin), place.y(link.span) + place.density.lane - 1
        if last and last != (x, y):
            thin.append(f"M{last[0]:g} {last[1]:g}H{x:g}V{y:g}")
        end = place.x(link.end)
        thick.append(f"M{x:g} {y:g}H{end:g}")
        last = (end, y)
    if thick:
        style = f'fill="none" stroke="{_PATH}" pointer-events="none"'
        yield f'<path d="{"".join(thin)}" stroke-width="1" stroke-dasharray="3 2" {style}/>'
        yield f'<path class="critical" d="{"".join(thick)}" stroke-width="2.5" {style}/>'


def _box(x: float, y: float, width: float, height: float, colour: str, *, dashed: bool = False) -> str:
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="1.5"'
    dash = ' stroke-dasharray="3 2"' if dashed else ""
    box = f'<rect {place} fill="{colour}" stroke="{_EDGE}" stroke-width="0.7"{dash}/>'
    return f'{box}<rect {place} fill="url(#unfinished)"/>' if dashed else box


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 11,
    weight: int = 400,
    colour: str = _TEXT,
    anchor: str = "start",
    tip: str = "",
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}"'
    title = f"<title>{xml_text(tip)}</title>" if tip and tip != text else ""
    return f'<text x="{x:g}" y="{y:g}" {style}>{title}{xml_text(text)}</text>'


def _fit(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: max(letters - 1, 0)].rstrip() + "…"
