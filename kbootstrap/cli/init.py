"""`kbootstrap init`: print a commented spec as a starting point."""

from __future__ import annotations

import click


@click.command("init", short_help="Print a commented spec as a starting point.")
@click.option("--provider", default="local", show_default=True, help="Infrastructure of the machines.")
def command(provider: str) -> None:
    """Print a commented spec as a starting point.

    \b
    kbootstrap init --provider local > dev.yaml
    kbootstrap apply dev.yaml
    """
    from kbootstrap.spec.templates import template, template_names

    names = template_names()
    if provider not in names:
        raise click.UsageError(f"there is no provider '{provider}'; there are: {', '.join(names)}")
    click.echo(template(provider), nl=False)
