"""`kbootstrap init`: print a commented spec to start from."""

from __future__ import annotations

import click


@click.command("init", short_help="Print a commented spec to start from.")
@click.option("--provider", default="local", show_default=True, help="Where the machines come from.")
def command(provider: str) -> None:
    """Print a commented spec to start from.

    \b
    kbootstrap init --provider local > dev.yaml
    kbootstrap apply dev.yaml
    """
    from kbootstrap.spec.templates import template, template_names

    names = template_names()
    if provider not in names:
        raise click.UsageError(f"there is no provider '{provider}'; there are: {', '.join(names)}")
    click.echo(template(provider), nl=False)
