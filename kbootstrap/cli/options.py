"""Arguments and options that several commands share, so that all commands use the same ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kbootstrap.cli import names

F = TypeVar("F", bound=Callable[..., Any])


def default_spec() -> Path:
    """Return the spec in this folder, for commands that are called without one."""
    for name in names.DEFAULT_SPECS:
        if Path(name).is_file():
            return Path(name)
    raise click.UsageError(
        f"which spec? Name one, or run this in a folder with {' or '.join(names.DEFAULT_SPECS)}. "
        "'kbootstrap init' prints one to start from"
    )


def spec_and_rest(words: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Split `[SPEC] WORD...`; if the first word is not a spec, use the spec in this folder."""
    named = words[0].endswith((".yaml", ".yml")) or Path(words[0]).is_file()
    return (Path(words[0]), words[1:]) if named else (default_spec(), words)


def _spec(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path:
    return value or default_spec()


spec_argument = click.argument("spec", type=click.Path(path_type=Path), required=False, callback=_spec)
cluster_option = click.option(
    "-c",
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME",
    shell_complete=names.clusters,
    help="Only this cluster; may be repeated.",
)
output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "json"]),
    default="human",
    show_default=True,
    help="Human-readable text on stderr, or JSON on stdout.",
)
tofu_option = click.option(
    "--tofu",
    metavar="PROGRAM",
    help="The OpenTofu or Terraform program. [default: KBOOTSTRAP_TOFU, otherwise tofu or terraform on PATH]",
)
drain_option = click.option(
    "--drain-timeout",
    "drain",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Maximum time to drain a node.",
)
bundle_option = click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take what is installed from this file of `kbootstrap artifacts bundle`, and fetch nothing.",
)
events_option = click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write events to this file, as JSON Lines.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
force_option = click.option(
    "--force-unlock",
    "unlock",
    multiple=True,
    metavar="NAME",
    shell_complete=names.clusters,
    help="Break the lock of this cluster that another run holds; may be repeated.",
)
detailed_option = click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 if changes are pending, with 0 if there are none."
)


def running(function: F) -> F:
    """Add the options of commands that work on clusters."""
    for option in (tofu_option, output_option, cluster_option, spec_argument):
        function = option(function)
    return function
