"""`kbootstrap version`: the version of kbootstrap and of the tools it uses."""

from __future__ import annotations

import json

import click

from kbootstrap.cli.options import tofu_option


@click.command("version", short_help="Print the version of kbootstrap and of the tools it uses.")
@tofu_option
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(tofu: str | None, output: str) -> int:
    """Print the version of kbootstrap and of the tools it uses."""
    import asyncio
    import os

    from kbootstrap.commands.version import versions

    facts = asyncio.run(versions(tofu, dict(os.environ)))
    if output == "json":
        click.echo(json.dumps({"version": 1, **facts}))
        return 0
    for name, value in facts.items():
        click.echo(f"{name:<11}{value}")
    return 0
