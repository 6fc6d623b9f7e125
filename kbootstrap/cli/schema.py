"""`kbootstrap schema`: print the spec's JSON Schema, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema", short_help="Print the spec's JSON Schema, for editors.")
def command() -> None:
    """Print the spec's JSON Schema, for completion, hover texts and error checking in editors.

    Editors with a YAML language server use the schema that the first line of a spec refers to; `kbootstrap
    init` writes that line.

    \b
    kbootstrap schema > kbootstrap.schema.json
    """
    from kbootstrap.spec.editor_schema import bundle

    click.echo(json.dumps(bundle(), indent=2, ensure_ascii=False))
