"""`kbootstrap version`: the version of kbootstrap and of the tools it uses."""

from __future__ import annotations

import json
import platform

import click

from kbootstrap import __version__
from kbootstrap.cli.options import tofu_option


@click.command("version", short_help="Print the version of kbootstrap and of the tools it uses.")
@tofu_option
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(tofu: str | None, output: str) -> int:
    """Print the version of kbootstrap and of the tools it uses."""
    import asyncio
    import os

    from kbootstrap.artifacts.cache import root as cache_folder
    from kbootstrap.core.errors import KbootstrapError
    from kbootstrap.core.process import LocalRunner
    from kbootstrap.tofu.find import find

    env = dict(os.environ)
    try:
        binary = asyncio.run(find(LocalRunner(env), env, cache_folder(env), tofu))
        found = f"{binary} ({binary.path})"
    except KbootstrapError as error:
        found = error.message
    facts = {"kbootstrap": __version__, "python": platform.python_version(), "tofu": found}
    if output == "json":
        click.echo(json.dumps({"version": 1, **facts}))
        return 0
    for name, value in facts.items():
        click.echo(f"{name:<11}{value}")
    return 0
