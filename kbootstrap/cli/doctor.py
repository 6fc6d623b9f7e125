"""`kbootstrap doctor`: check that this machine meets the requirements of a spec."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from kbootstrap.cli.options import running


@click.command("doctor", short_help="Check that this machine meets the requirements of a spec.")
@running
def command(spec: Path, clusters: tuple[str, ...], output: str, tofu: str | None) -> int:
    """Check that this machine meets the requirements of a spec, and suggest how to fix what is missing.

    The exit code is 5 if something is missing.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.core.errors import PrerequisiteMissing

    async def work(session: Session) -> int:
        from kbootstrap.commands.doctor import doctor
        from kbootstrap.views.doctor import checks_json, show_checks

        checks = await doctor(spec, clusters, session.runtime)
        if session.human:
            show_checks(checks, sys.stdout, os.environ)
        else:
            click.echo(checks_json(checks))
        return PrerequisiteMissing.exit_code if any(check.ok is False for check in checks) else 0

    return run(work, output=output, tofu=tofu, quiet=True)
