"""A simulation as a picture: nodes by flavor, waiting pods and cost over time, as SVG. Pure.

The picture needs no script and no font file. Its colours are for light or dark backgrounds, or follow the
viewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from kbootstrap.simulation.model import Group, Simulation
from kbootstrap.simulation.summary import costs, periods, rate
from kbootstrap.views.simulation_layout import (
    LEFT,
    RIGHT,
    WIDTH,
    Panel,
    TimeAxis,
    steps,
    time_text,
    top_of,
    value_marks,
)
from kbootstrap.views.xml import xml_text

Theme = Literal["auto", "light", "dark"]
_FONTS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
_LIGHT = {
    "paper": "#ffffff", "text": "#1f2328", "faint": "#57606a", "grid": "#e3e7eb", "line": "#8b949e",
    "bad": "#cf3a2b", "cost": "#1f2328",
}  # fmt: skip
_DARK = {
    "paper": "#0d1117", "text": "#e6edf3", "faint": "#9198a1", "grid": "#262c34", "line": "#6e7681",
    "bad": "#ff7b6b", "cost": "#e6edf3",
}  # fmt: skip
_HUES_LIGHT = (
    ("#2f6db5", "#6fa8e0", "#b4d3f2"),
    ("#1f8a70", "#63bfa6", "#b3e2d4"),
    ("#a8641f", "#dfa05c", "#f3d3ae"),
    ("#7a4fa3", "#ac87d0", "#d8c5ec"),
)
_HUES_DARK = (
    ("#3f7fd0", "#7fb4ee", "#bcd9f8"),
    ("#2a9d82", "#6cc9b1", "#b6e5d9"),
    ("#bd7730", "#e6ab6b", "#f5d8b6"),
    ("#9166bd", "#b896da", "#dccbf0"),
)
"""Colours by pool, and in a pool by flavor."""
_LETTER = 6.4
_HEAD, _GAP, _FOOT = 86, 46, 44
_HEIGHTS = (190, 90, 110)


def simulation_svg(simulation: Simulation, title: str, currency: str = "", *, theme: Theme = "auto") -> str:
    """Return the picture. The panel of costs is left out if a flavor has no price."""
    spent = costs(simulation)
    axis = TimeAxis(simulation.end)
    bounds = (sum(pool.min for pool in simulation.pools), sum(pool.max for pool in simulation.pools))
    pending = [(sample.time, float(sample.pending)) for sample in simulation.samples]
    panels = [(_HEAD, _HEIGHTS[0], top_of(max(bounds[1], 1)))]
    most = max([value for _, value in pending], default=0)
    panels.append((_below(panels), _HEIGHTS[1], top_of(max(most, 4))))
    if spent:
        panels.append((_below(panels), _HEIGHTS[2], top_of(float(max(spent.at_max, spent.simulated)))))
    places = [Panel(*panel) for panel in panels]
    height = places[-1].bottom + _FOOT
    lines = [
        *_open(title, height, theme),
        *_legend(simulation),
        *(line for place in places for line in _frame(place, axis, last=place is places[-1])),
        *_nodes(simulation, places[0], axis, bounds),
        *_pending(pending, places[1], axis),
    ]
    if spent:
        lines += _costs(simulation, places[2], axis, currency)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _below(panels: Sequence[tuple[int, int, float]]) -> int:
    return panels[-1][0] + panels[-1][1] + _GAP


def _open(title: str, height: int, theme: Theme) -> Iterator[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONTS}" font-size="11">'
    yield f"<title>{xml_text(title)}</title>"
    dark = _style(_DARK, _HUES_DARK)
    style = dark if theme == "dark" else _style(_LIGHT, _HUES_LIGHT)
    if theme == "auto":
        style += f" @media (prefers-color-scheme: dark) {{ {dark} }}"
    yield f"<style>{style}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" class="paper"/>'
    yield _text(16, 28, title, size=16, weight=600)


def _style(colours: dict[str, str], hues: Sequence[Sequence[str]]) -> str:
    rules = [
        *(f".{name}{{fill:{colours[name]}}}" for name in ("paper", "text", "faint")),
        f".grid{{stroke:{colours['grid']};fill:none}} .line{{stroke:{colours['line']};fill:none}}",
        f".bad{{fill:{colours['bad']};fill-opacity:0.35;stroke:{colours['bad']};stroke-width:1.2}}",
        f".cost{{stroke:{colours['cost']};fill:none;stroke-width:2}}",
    ]
    rules += [f".p{p}f{f}{{fill:{hue}}}" for p, pool in enumerate(hues) for f, hue in enumerate(pool)]
    return " ".join(rules)


def _colour(simulation: Simulation, group: int) -> str:
    """Return the class of a group: the hue of its pool, lighter for each further flavor."""
    pool = simulation.groups[group].pool
    place = simulation.pools[pool].groups.index(group)
    return f"p{pool % len(_HUES_LIGHT)}f{min(place, len(_HUES_LIGHT[0]) - 1)}"


def _name(simulation: Simulation, group: Group) -> str:
    pool = simulation.pools[group.pool].name
    named = f"{pool} {group.flavor}" if len(simulation.pools) > 1 else group.flavor
    return pool if pool == group.flavor else named


def _legend(simulation: Simulation) -> Iterator[str]:
    x = 16.0
    for index, group in enumerate(simulation.groups):
        name = _name(simulation, group)
        if x + len(name) * _LETTER + 20 > WIDTH - 16:
            return
        yield f'<rect x="{x:g}" y="42" width="14" height="12" rx="2" class="{_colour(simulation, index)}"/>'
        yield _text(x + 20, 52, name)
        x += 20 + len(name) * _LETTER + 18


def _frame(panel: Panel, axis: TimeAxis, *, last: bool) -> Iterator[str]:
    for time in axis.marks:
        x = axis.x(time)
        yield f'<path d="M{x:g} {panel.top}V{panel.bottom}" class="grid"/>'
        if last:
            yield _text(x, panel.bottom + 18, time_text(time), kind="faint", anchor="middle")


def _scale(panel: Panel, title: str, *, whole: bool) -> Iterator[str]:
    yield _text(16, panel.top - 10, title, weight=600)
    marks = value_marks(panel.most, whole=whole)
    decimals = 0 if all(mark == int(mark) for mark in marks) else 2
    for mark in marks:
        y = panel.y(mark)
        yield f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" class="{"line" if mark == 0 else "grid"}"/>'
        yield _text(LEFT - 8, y + 4, f"{mark:,.{decimals}f}", kind="faint", anchor="end")


def _nodes(simulation: Simulation, panel: Panel, axis: TimeAxis, bounds: tuple[int, int]) -> Iterator[str]:
    yield from _scale(panel, "Nodes", whole=True)
    samples = simulation.samples
    for index in reversed(range(len(simulation.groups))):
        points = [(sample.time, float(sum(sample.nodes[: index + 1]))) for sample in samples]
        yield f'<path d="{_area(points, panel, axis)}" class="{_colour(simulation, index)}"/>'
    for value, name in ((bounds[0], "min"), (bounds[1], "max")):
        if bounds[0] != bounds[1] or name == "max":
            yield from _level(panel, float(value), f"{name} {value}")


def _pending(points: Sequence[tuple[int, float]], panel: Panel, axis: TimeAxis) -> Iterator[str]:
    yield from _scale(panel, "Pods that wait for a node", whole=True)
    yield f'<path d="{_area(points, panel, axis)}" class="bad"/>'


def _costs(simulation: Simulation, panel: Panel, axis: TimeAxis, currency: str) -> Iterator[str]:
    yield from _scale(panel, f"Cost of these machines{f', {currency}' if currency else ''}", whole=False)
    spent = costs(simulation)
    prices = [group.price for group in simulation.groups if group.price is not None]
    if spent is None:
        return
    total, curve = 0.0, [(0, 0.0)]
    for sample, seconds in periods(simulation):
        total += float(rate(sample, prices)) * seconds / 3600
        curve.append((sample.time + seconds, total))
    path = "".join(f"L{axis.x(time):g} {panel.y(value):g}" for time, value in steps(curve, simulation.end))
    zero = f"{axis.x(0):g} {panel.y(0):g}"
    for value, name in ((spent.at_min, "fixed at min"), (spent.at_max, "fixed at max")):
        end = panel.y(float(value))
        yield f'<path d="M{zero}L{axis.x(axis.end):g} {end:g}" class="line" stroke-dasharray="4 3"/>'
        yield _text(WIDTH - RIGHT + 8, end + 4, f"{name} {value:,.2f}", kind="faint")
    yield f'<path d="M{zero}{path}" class="cost"/>'
    last = panel.y(float(spent.simulated))
    edges = [panel.y(float(spent.at_min)), panel.y(float(spent.at_max))]
    near = min(edges, key=lambda edge: abs(edge - last))
    if abs(near - last) < 13:
        last = near - 13 if last <= near else near + 13
    yield _text(WIDTH - RIGHT + 8, last + 4, f"simulated {spent.simulated:,.2f}", weight=600)


def _area(points: Sequence[tuple[int, float]], panel: Panel, axis: TimeAxis) -> str:
    """Return the path of a step curve that is filled down to zero."""
    path = [f"M{axis.x(0):g} {panel.bottom}"]
    for time, value in steps(points, axis.end):
        path.append(f"H{axis.x(time):g}V{panel.y(value):g}")
    return "".join([*path, f"H{axis.x(axis.end):g}V{panel.bottom}Z"])


def _level(panel: Panel, value: float, name: str) -> Iterator[str]:
    y = panel.y(value)
    yield f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" class="line" stroke-dasharray="4 3"/>'
    yield _text(WIDTH - RIGHT + 8, y + 4, name, kind="faint")


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 11,
    weight: int = 400,
    kind: str = "text",
    anchor: str = "start",
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" class="{kind}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{xml_text(text)}</text>'
