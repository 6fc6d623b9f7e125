"""`kbootstrap autoscaler`: commands about pools that grow and shrink with their load."""

from __future__ import annotations

import click

from kbootstrap.cli.simulate import simulate


@click.group("autoscaler", short_help="Pools that grow and shrink with their load.")
def command() -> None:
    """Pools that grow and shrink with their load."""


command.add_command(simulate)
