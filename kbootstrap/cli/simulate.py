"""`kbootstrap autoscaler simulate`: what bounds and flavors would do with a load, and what that costs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli import names

if TYPE_CHECKING:
    from kbootstrap.simulation.quantities import Size

_SUFFIXES = (".svg", ".png")


def _seconds(_ctx: click.Context, param: click.Parameter, value: str) -> int:
    from kbootstrap.spec.format_quantities import duration, seconds

    flaw = duration(value)
    if flaw and value not in {"0", "0s"}:
        raise click.BadParameter(f"{flaw.reason} {flaw.help}", param=param)
    return seconds(value) if flaw is None else 0


def _size(_ctx: click.Context, param: click.Parameter, value: str) -> Size:
    from kbootstrap.simulation.quantities import size

    found = size(value)
    if found is None:
        raise click.BadParameter(f"'{value}' is not CPU/MEMORY, such as 4/16Gi or 100m/512Mi", param=param)
    return found


def _sizes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Size]:
    found = {}
    for value in values:
        name, equals, written = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{value}' is not NAME=CPU/MEMORY, such as b3-8=2/8Gi", param=param)
        found[name] = _size(ctx, param, written)
    return found


def _pictures(_ctx: click.Context, param: click.Parameter, values: tuple[Path, ...]) -> tuple[Path, ...]:
    for value in values:
        if value.suffix.lower() not in _SUFFIXES:
            raise click.BadParameter(f"the name of {value} must end in {' or '.join(_SUFFIXES)}", param=param)
    return values


@click.command("simulate", short_help="Replay a load through bounds, flavors and prices.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--cluster",
    metavar="NAME",
    shell_complete=names.clusters,
    help="The cluster. [default: the one with autoscaled pools]",
)
@click.option(
    "--flavor",
    "sizes",
    multiple=True,
    callback=_sizes,
    metavar="NAME=CPU/MEMORY",
    help="Size of a flavor that kbootstrap does not know, such as s1=4/16Gi; may be repeated.",
)
@click.option(
    "--reserved",
    default="100m/512Mi",
    callback=_size,
    show_default=True,
    metavar="CPU/MEMORY",
    help="What the system, the kubelet and DaemonSets take of every node.",
)
@click.option(
    "--boot",
    default="60s",
    callback=_seconds,
    show_default=True,
    metavar="DURATION",
    help="From the request of a machine until it answers.",
)
@click.option(
    "--join",
    default="30s",
    callback=_seconds,
    show_default=True,
    metavar="DURATION",
    help="From then until its node is Ready.",
)
@click.option(
    "--picture",
    "pictures",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_pictures,
    help="Write a picture, to a file that ends in .svg or .png; may be repeated.",
)
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    show_default=True,
    help="Background of pictures; auto follows the viewer of an SVG, and is light in a PNG.",
)
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def simulate(
    spec: Path,
    trace: Path,
    cluster: str | None,
    sizes: dict[str, Size],
    reserved: Size,
    boot: int,
    join: int,
    pictures: tuple[Path, ...],
    theme: str,
    output: str,
) -> int:
    """Replay a load through the bounds, flavors, delays and prices of a spec. Nothing is created.

    TRACE is a CSV file: how many pods each workload has from a time on, and what one of them requests. The
    result shows nodes, waiting pods and cost, so that `min`, `max` and `flavors` can be chosen beforehand.
    """
    from kbootstrap.commands import simulate as simulating
    from kbootstrap.core.files import write
    from kbootstrap.simulation.model import Delays
    from kbootstrap.views.png import png, require_png
    from kbootstrap.views.simulation import show_simulation, simulation_json
    from kbootstrap.views.simulation_svg import simulation_svg

    if any(picture.suffix.lower() == ".png" for picture in pictures):
        require_png()
    done = simulating.run(spec, trace, cluster, sizes, reserved, Delays(boot=boot, join=join))
    for picture in pictures:
        title = f"Cluster {done.cluster}: simulated load of {trace.name}"
        svg = simulation_svg(done.result, title, done.currency, theme=theme)  # type: ignore[arg-type] # a choice
        write(picture, svg if picture.suffix.lower() == ".svg" else png(svg))
    if output == "json":
        click.echo(simulation_json(done.result, done.cluster, done.currency))
    else:
        show_simulation(done.result, done.cluster, done.currency, sys.stdout, os.environ)
    for picture in pictures:
        click.echo(f"{picture}: written", err=True)
    return 0
