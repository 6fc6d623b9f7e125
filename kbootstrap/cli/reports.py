"""What commands that check have in common: their options, how reports are shown, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kbootstrap.checks.report import Reports

F = TypeVar("F", bound=Callable[..., Any])


def report_options(function: F) -> F:
    """Add the options of commands that print reports."""
    for option in (_output, _detailed, _fail_on):
        function = option(function)
    return function


_fail_on = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Least severity that decides about the exit code.",
)
_detailed = click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit with 2 instead of 1 if something does not pass, and with 1 if something could not be read.",
)
_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "json", "junit"]),
    default="human",
    show_default=True,
    help="Text, a JSON document, or JUnit XML.",
)


def exit_code(found: Reports, *, detailed: bool) -> int:
    """Return the exit code of reports; `detailed` as `--detailed-exitcode`."""
    from kbootstrap.checks.report import Outcome
    from kbootstrap.core.errors import FINDINGS

    if found.failed or found.verdict is Outcome.PASSED:
        return found.failed
    return FINDINGS if detailed and found.verdict is Outcome.FAILED else 1


def show(found: Reports, output: str) -> None:
    """Print reports in the form of `--output`."""
    from datetime import UTC, datetime

    from kbootstrap.views.report import show_reports
    from kbootstrap.views.report_data import report_json
    from kbootstrap.views.report_junit import report_junit

    if output == "json":
        click.echo(report_json(found, datetime.now(UTC)))
    elif output == "junit":
        click.echo(report_junit(found))
    else:
        show_reports(found, sys.stdout, os.environ)
