"""`kbootstrap validate`: check specs and report every problem."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import default_spec

if TYPE_CHECKING:
    from kbootstrap.core.diagnostics import Diagnostic


@click.command("validate", short_help="Check specs and report every problem.")
@click.argument("specs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Choice(["human", "json", "github"]), default="human", show_default=True
)
def command(specs: tuple[Path, ...], output: str) -> int:
    """Check specs and report every problem, each at its line. The exit code is 3 if there are any errors.

    Lock files are accepted as well, so `specs/*.yaml` works.
    """
    from kbootstrap.core.diagnostics import errors
    from kbootstrap.core.errors import SpecInvalid
    from kbootstrap.views.diagnostics import diagnostics_json, show_diagnostics

    paths = specs or (default_spec(),)
    found: list[Diagnostic] = []
    for path in paths:
        problems = _problems(path)
        found += problems
        if output == "human" and not errors(problems):
            click.echo(f"{path}: valid", err=True)
    if output == "json":
        click.echo(diagnostics_json(found))
    elif output == "github":
        from kbootstrap.views.annotations import problem_annotations
        from kbootstrap.views.links import links

        click.echo(problem_annotations(found, links(None, os.environ, Path.cwd())), nl=False)
    elif found:
        show_diagnostics(found, sys.stderr, os.environ, changed=None)
    return SpecInvalid.exit_code if errors(found) else 0


def _problems(path: Path) -> tuple[Diagnostic, ...]:
    from kbootstrap.core.diagnostics import errors, in_order
    from kbootstrap.core.errors import SpecInvalid
    from kbootstrap.engine.cost import budget_problems
    from kbootstrap.engine.spec import settings_problems
    from kbootstrap.spec import contents, lockfile
    from kbootstrap.spec.load import load

    if not path.name.endswith(".lock.yaml"):
        loaded = load(path)
        if loaded.spec is None:
            return loaded.diagnostics
        own = settings_problems(loaded.spec)
        referred = contents.problems(loaded.spec, loaded.spec.clusters, os.environ)
        costs = () if errors(own) else budget_problems(loaded.spec)
        return in_order([*loaded.diagnostics, *own, *referred, *costs])
    try:
        lockfile.read(path)
    except SpecInvalid as error:
        if not error.diagnostics:
            raise
        return error.diagnostics
    return ()
