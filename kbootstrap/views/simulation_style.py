"""The colours of the picture of a simulation: for light or dark backgrounds, or as the viewer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kbootstrap.simulation.model import Simulation

Theme = Literal["auto", "light", "dark"]
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
"""Colours by pool, and in a pool by flavor. They repeat after four pools."""


def style(theme: Theme) -> str:
    """Return the style sheet of the picture."""
    dark = _rules(_DARK, _HUES_DARK)
    if theme == "dark":
        return dark
    light = _rules(_LIGHT, _HUES_LIGHT)
    return f"{light} @media (prefers-color-scheme: dark) {{ {dark} }}" if theme == "auto" else light


def colour(simulation: Simulation, group: int) -> str:
    """Return the class of a group: the hue of its pool, lighter for each further flavor."""
    pool = simulation.groups[group].pool
    place = simulation.pools[pool].groups.index(group)
    return f"p{pool % len(_HUES_LIGHT)}f{min(place, len(_HUES_LIGHT[0]) - 1)}"


def _rules(colours: dict[str, str], hues: Sequence[Sequence[str]]) -> str:
    rules = [
        *(f".{name}{{fill:{colours[name]}}}" for name in ("paper", "text", "faint")),
        f".grid{{stroke:{colours['grid']};fill:none}} .line{{stroke:{colours['line']};fill:none}}",
        f".bad{{fill:{colours['bad']};fill-opacity:0.35;stroke:{colours['bad']};stroke-width:1.2}}",
        f".cost{{stroke:{colours['cost']};fill:none;stroke-width:2}}",
    ]
    rules += [f".p{p}f{f}{{fill:{hue}}}" for p, pool in enumerate(hues) for f, hue in enumerate(pool)]
    return " ".join(rules)
