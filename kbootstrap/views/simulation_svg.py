"""A simulation as a picture: nodes by flavor, waiting pods and cost over time, as SVG. Pure.

The picture needs no script and no font file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kbootstrap.simulation.model import Group, Simulation
from kbootstrap.simulation.summary import Costs, costs, periods, rate
from kbootstrap.views.simulation_layout import (
    LEFT,
    MARGIN,
    RIGHT,
    WIDTH,
    Panel,
    TimeAxis,
    apart,
    fitting,
    legend,
    money,
    steps,
    time_text,
    top_of,
    value_marks,
)
from kbootstrap.views.simulation_style import Theme, colour, style
from kbootstrap.views.xml import xml_text

_FONTS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
_SIZE, _TITLE = 11, 16
"""Font sizes."""
_HEAD, _ROW, _GAP, _FOOT = 96, 20, 54, 36
"""Heights: above the first panel, a further row of the legend, between panels, below the last one."""
_HEIGHTS = (190, 90, 120)


def simulation_svg(simulation: Simulation, title: str, currency: str = "", *, theme: Theme = "auto") -> str:
    """Return the picture. The panel of costs is left out if a flavor has no price."""
    spent = costs(simulation)
    axis = TimeAxis(simulation.end)
    pending = [(sample.time, float(sample.pending)) for sample in simulation.samples]
    tops = [top_of(sum(pool.max for pool in simulation.pools)), top_of(max(4, *(n for _, n in pending)))]
    if spent:
        tops.append(top_of(float(spent.at_max)))
    names = [_name(simulation, group) for group in simulation.groups]
    rows = list(legend(names, _SIZE))
    panels = _panels(tops, rows[-1][1])
    lines = [
        *_open(title, panels[-1].bottom + _FOOT, theme),
        *_legend(simulation, names, rows),
        *(line for panel in panels for line in _frame(panel, axis, last=panel is panels[-1])),
        *_nodes(simulation, panels[0], axis),
        *_pending(pending, panels[1], axis),
    ]
    if spent:
        lines += _costs(simulation, spent, panels[2], axis, currency)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panels(tops: Sequence[float], row: int) -> list[Panel]:
    """Return the panels, below a legend whose last row has this number."""
    panels: list[Panel] = []
    for height, most in zip(_HEIGHTS, tops, strict=False):
        panels.append(Panel(panels[-1].bottom + _GAP if panels else _HEAD + row * _ROW, height, most))
    return panels


def _open(title: str, height: int, theme: Theme) -> Iterator[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    font = f'font-family="{_FONTS}" font-size="{_SIZE}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>'
    yield f"<title>{xml_text(title)}</title>"
    yield f"<style>{style(theme)}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" class="paper"/>'
    yield _text(MARGIN, 28, fitting(title, WIDTH - 2 * MARGIN, _TITLE), size=_TITLE, weight=600)


def _name(simulation: Simulation, group: Group) -> str:
    pool = simulation.pools[group.pool].name
    named = f"{pool} {group.flavor}" if len(simulation.pools) > 1 else group.flavor
    return pool if pool == group.flavor else named


def _legend(simulation: Simulation, names: Sequence[str], rows: Sequence[tuple[float, int]]) -> Iterator[str]:
    for group, (name, (x, row)) in enumerate(zip(names, rows, strict=True)):
        y, shape = 42 + row * _ROW, 'width="14" height="12" rx="2"'
        yield f'<rect x="{x:g}" y="{y}" {shape} class="{colour(simulation, group)}"/>'
        yield _text(x + 20, y + 10, fitting(name, WIDTH - 3 * MARGIN, _SIZE))


def _frame(panel: Panel, axis: TimeAxis, *, last: bool) -> Iterator[str]:
    for time in axis.marks:
        x = axis.x(time)
        yield f'<path d="M{x:g} {panel.top}V{panel.bottom}" class="grid"/>'
        if last:
            yield _text(x, panel.bottom + 18, time_text(time), kind="faint", anchor="middle")


def _scale(panel: Panel, title: str, *, whole: bool) -> Iterator[str]:
    yield _text(MARGIN, panel.top - 16, title, weight=600)
    marks = value_marks(panel.most, whole=whole)
    plain = whole or (panel.most < 10_000 and all(mark == int(mark) for mark in marks))
    for mark in marks:
        y = panel.y(mark)
        yield f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" class="{"line" if mark == 0 else "grid"}"/>'
        written = f"{mark:,.0f}" if plain else money(mark, panel.most)
        yield _text(LEFT - 8, y + 4, written, kind="faint", anchor="end")


def _nodes(simulation: Simulation, panel: Panel, axis: TimeAxis) -> Iterator[str]:
    yield from _scale(panel, "Nodes", whole=True)
    samples = simulation.samples
    for index in reversed(range(len(simulation.groups))):
        points = [(sample.time, float(sum(sample.nodes[: index + 1]))) for sample in samples]
        yield f'<path d="{_area(points, panel, axis)}" class="{colour(simulation, index)}"/>'
    least, most = (sum(pool.min for pool in simulation.pools), sum(pool.max for pool in simulation.pools))
    bounds = {"min and max": most} if least == most else {"min": least, "max": most}
    for value in bounds.values():
        y = panel.y(value)
        yield f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" class="line" stroke-dasharray="4 3"/>'
    yield from _beside([(panel.y(value), f"{name} {value}", False) for name, value in bounds.items()])


def _pending(points: Sequence[tuple[int, float]], panel: Panel, axis: TimeAxis) -> Iterator[str]:
    yield from _scale(panel, "Pods that wait for a node", whole=True)
    yield f'<path d="{_area(points, panel, axis)}" class="bad"/>'


def _costs(simulation: Simulation, spent: Costs, panel: Panel, axis: TimeAxis, unit: str) -> Iterator[str]:
    yield from _scale(panel, f"Cost of these machines{f', {unit}' if unit else ''}", whole=False)
    prices = [group.price for group in simulation.groups if group.price is not None]
    total, curve = 0.0, [(0, 0.0)]
    for sample, seconds in periods(simulation):
        total += float(rate(sample, prices)) * seconds / 3600
        curve.append((sample.time + seconds, total))
    zero = f"{axis.x(0):g} {panel.y(0):g}"
    fixed = {"min": spent.at_min, "peak": spent.at_peak, "max": spent.at_max}
    for value in fixed.values():
        end = f"{axis.x(axis.end):g} {panel.y(float(value)):g}"
        yield f'<path d="M{zero}L{end}" class="line" stroke-dasharray="4 3"/>'
    path = "".join(f"L{axis.x(time):g} {panel.y(value):g}" for time, value in steps(curve, simulation.end))
    yield f'<path d="M{zero}{path}" class="cost"/>'
    named = [(f"fixed at {name}", value, False) for name, value in fixed.items()]
    yield from _beside(
        [
            (panel.y(float(value)), f"{name} {money(float(value), panel.most)}", strong)
            for name, value, strong in (*named, ("simulated", spent.simulated, True))
        ]
    )


def _area(points: Sequence[tuple[int, float]], panel: Panel, axis: TimeAxis) -> str:
    """Return the path of a step curve that is filled down to zero."""
    path = [f"M{axis.x(0):g} {panel.bottom}"]
    for time, value in steps(points, axis.end):
        path.append(f"H{axis.x(time):g}V{panel.y(value):g}")
    return "".join([*path, f"H{axis.x(axis.end):g}V{panel.bottom}Z"])


def _beside(names: Sequence[tuple[float, str, bool]]) -> Iterator[str]:
    """Yield the names of lines at the right of a panel: place, text, and whether it is strong."""
    places = apart([place for place, _, _ in names])
    for place, (_, name, strong) in zip(places, names, strict=True):
        weight, kind = (600, "text") if strong else (400, "faint")
        yield _text(WIDTH - RIGHT + 8, place + 4, name, weight=weight, kind=kind)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = _SIZE,
    weight: int = 400,
    kind: str = "text",
    anchor: str = "start",
) -> str:
    style_ = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" class="{kind}"'
    return f'<text x="{x:g}" y="{y:g}" {style_}>{xml_text(text)}</text>'
