from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.simulation.model import Group, SimulatedPool, Simulation
from kbootstrap.views.png import png
from kbootstrap.views.simulation import show_simulation, simulation_json
from kbootstrap.views.simulation_layout import (
    LETTER,
    TimeAxis,
    apart,
    fitting,
    money,
    steps,
    time_text,
    top_of,
    value_marks,
)
from kbootstrap.views.simulation_style import Theme
from kbootstrap.views.simulation_svg import simulation_svg
from tests.simulation.samples import LARGE, SMALL, ladder, run

from .conftest import Show, shown

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>&\"'\x00\x1b[31m\ufffe]]>"
LOAD = "0,a,2,1,1Gi 1h,a,20,1,1Gi 2h,big,1,3,10Gi 4h,a,3,1,1Gi 8h,a,3,1,1Gi"
DAY = run(LOAD, *ladder())


def drawn(simulation: Simulation, *, theme: Theme = "auto", title: str = "production") -> ET.Element:
    return ET.fromstring(simulation_svg(simulation, title, "CHF", theme=theme))  # noqa: S314 - our own


def texts(picture: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def without_prices(simulation: Simulation) -> Simulation:
    return replace(simulation, groups=tuple(replace(group, price=None) for group in simulation.groups))


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("simulation", lambda stream, env: show_simulation(DAY, "production", "CHF", stream, env))


def test_what_the_table_says_without_prices_and_without_waiting() -> None:
    quiet = without_prices(run("0,a,1,1,1Gi 1h,a,1,1,1Gi", *ladder()))
    text = shown(lambda stream, env: show_simulation(quiet, "c", "", stream, env))
    assert "No pod waited for a node." in text
    assert "Cost: unknown" in text
    huge = run("0,a,1,99,1Gi 1h,a,1,99,1Gi", *ladder())
    said = shown(lambda stream, env: show_simulation(huge, "c", "CHF", stream, env))
    assert "No flavor has room for a pod of: a." in said


def test_json() -> None:
    found = json.loads(simulation_json(DAY, "production", "CHF"))
    assert (found["version"], found["kind"], found["cluster"], found["seconds"]) == (
        1, "simulation", "production", 8 * 3600,
    )  # fmt: skip
    assert found["groups"] == [{"pool": "web", "flavor": "small"}, {"pool": "web", "flavor": "large"}]
    assert len(found["samples"]) == len(DAY.samples)
    assert found["pools"][0]["most"] == 5
    assert found["cost"]["currency"] == "CHF"
    assert found["cost"]["trace"]["fixed_min"] == 0.8
    assert json.loads(simulation_json(without_prices(DAY), "c", ""))["cost"] is None


def test_a_picture_has_axes_legend_and_levels() -> None:
    found = texts(drawn(DAY))
    assert {"production", "small", "large", "min 1", "max 5"} <= set(found)
    assert {"Nodes", "Pods that wait for a node", "Cost of these machines, CHF"} <= set(found)
    assert {"0", "1h", "8h"} <= set(found)
    assert {"fixed at min 0.80", "fixed at peak 4.00", "fixed at max 10.40", "simulated 3.60"} <= set(found)


def test_bounds_that_are_equal_have_one_name() -> None:
    found = texts(drawn(run("0,a,1,1,1Gi 1h,a,1,1,1Gi", *ladder(2, 2))))
    assert "min and max 2" in found


def test_without_prices_there_is_no_panel_of_costs() -> None:
    priced, plain = drawn(DAY), drawn(without_prices(DAY))
    assert not [text for text in texts(plain) if text.startswith("Cost")]
    assert int(plain.get("height", "0")) < int(priced.get("height", "0"))


@pytest.mark.parametrize(("theme", "colours"), [("auto", 2), ("light", 1), ("dark", 1)])
def test_themes(theme: Theme, colours: int) -> None:
    style = "".join(drawn(DAY, theme=theme).itertext())
    assert style.count(".paper{") == colours
    assert ("prefers-color-scheme" in style) == (theme == "auto")


def many(pools: int, price: str) -> Simulation:
    """Return a simulation of many pools and flavors with long names."""
    found = [SimulatedPool(f"pool-{i}-{'x' * 30}", 3, 4, (2 * i, 2 * i + 1)) for i in range(pools)]
    sizes = (("a" * 40, SMALL), ("b", LARGE))
    groups = [Group(i, flavor, room, Decimal(price)) for i in range(pools) for flavor, room in sizes]
    return run("0,a,1,1,1Gi 400h,a,1,1,1Gi", found, groups)


@pytest.mark.parametrize(
    ("simulation", "title"),
    [
        (DAY, "production"),
        (many(9, "0.1"), "a cluster " * 30),
        (many(1, "0"), ""),
        (many(2, "123456.7"), "x"),
    ],
)
def test_texts_are_inside_the_picture_and_do_not_overlap(simulation: Simulation, title: str) -> None:
    picture = drawn(simulation, title=title)
    width, height = (float(picture.get(name, "0")) for name in ("width", "height"))
    boxes: list[tuple[float, float, float, float]] = []
    for text in picture.iter(f"{SVG}text"):
        x, y, size = (float(text.get(name, "0")) for name in ("x", "y", "font-size"))
        wide = len("".join(text.itertext())) * size * LETTER
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "")]
        assert left >= 0
        assert left + wide <= width
        assert size <= y <= height
        boxes.append((left, left + wide, y - size, y))
    for one, other in itertools.combinations(boxes, 2):
        assert one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]


def test_texts_are_escaped() -> None:
    groups = tuple(replace(group, flavor=HOSTILE) for group in DAY.groups)
    picture = drawn(replace(DAY, groups=groups), title=HOSTILE)
    assert texts(picture)[0] == "<script>&\"']]>"


@pytest.mark.parametrize(
    ("text", "written"), [("abc", "abc"), ("abcdefghijkl", "abc…ijkl"), ("abc       jkl", "abc…jkl")]
)
def test_long_texts_lose_their_middle(text: str, written: str) -> None:
    assert fitting(text, 80, 10 / LETTER) == written


def test_names_of_close_lines_are_moved_apart() -> None:
    assert apart([100, 300, 105, 97]) == [91, 300, 105, 77]


@pytest.mark.parametrize(
    ("value", "most", "text"),
    [(1.5, 20, "1.50"), (1234.5, 9_999, "1,234.50"), (1234.5, 10_000, "1,234"), (2.5e6, 4e7, "2.5M")],
)
def test_amounts_are_short(value: float, most: float, text: str) -> None:
    assert money(value, most) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (90, "1m 30s"), (3600, "1h"), (5400, "1h 30m"), (86400, "1d"), (129600, "1d 12h")],
)
def test_times(seconds: int, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize("end", [60, 3600, 86400, 7 * 86400, 30 * 86400, 400 * 86400])
def test_the_axis_of_time_has_few_marks(end: int) -> None:
    axis = TimeAxis(end)
    assert 2 <= len(axis.marks) <= 10
    assert axis.marks[-1] <= end


@pytest.mark.parametrize("most", [0.003, 0.4, 1, 3, 4, 7, 11, 99, 1000, 12345.6])
@pytest.mark.parametrize("whole", [True, False])
def test_the_axis_of_values_ends_above_the_largest(most: float, whole: bool) -> None:
    top = top_of(max(most, 1) if whole else most)
    assert top >= most
    found = value_marks(top, whole=whole)
    assert 2 <= len(found) <= 7
    assert found[-1] <= top
    assert not whole or all(mark == int(mark) for mark in found)


def test_curves_of_long_traces_have_few_points_and_keep_the_peaks() -> None:
    points = [(time, 50.0 if time == 77_777 else 1.0) for time in range(100_000)]
    found = steps(points, 100_000)
    assert len(found) <= 1200
    assert max(value for _, value in found) == 50


def test_a_png() -> None:
    pytest.importorskip("resvg_py")
    assert png(simulation_svg(DAY, "c")).startswith(b"\x89PNG")


def test_without_the_package_a_png_is_refused_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(PrerequisiteMissing, match="resvg-py") as caught:
        png("<svg/>")
    assert "kbootstrap[pictures]" in (caught.value.hint or "")
