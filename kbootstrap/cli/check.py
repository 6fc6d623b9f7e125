"""`kbootstrap check`: check what runs in clusters."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import cluster_option, spec_argument, tofu_option

if TYPE_CHECKING:
    from kbootstrap.checks.report import Reports
    from kbootstrap.cli.session import Session


@click.group("check", short_help="Check what runs in clusters.")
def command() -> None:
    """Check what runs in clusters. The commands change nothing."""


@command.command("workloads", short_help="Check that workloads survive drains, and can scale.")
@spec_argument
@cluster_option
@click.option(
    "-n", "--namespace", "names", multiple=True, metavar="NAME", help="Only this namespace; may be repeated."
)
@click.option("--all", "everything", is_flag=True, help="Also the namespaces of Kubernetes itself.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Least severity that decides about the exit code.",
)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit with 2 instead of 1 if something does not pass, and with 1 if something could not be read.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "json", "junit"]),
    default="human",
    show_default=True,
    help="Text, a JSON document, or JUnit XML.",
)
@tofu_option
def workloads(
    spec: Path,
    clusters: tuple[str, ...],
    names: tuple[str, ...],
    everything: bool,
    fail_on: str,
    detailed_exitcode: bool,
    output: str,
    tofu: str | None,
) -> int:
    """Check that workloads survive drains, and that they and their nodes can scale.

    The rules are about replicas, PodDisruptionBudgets, requests, spread over nodes, HorizontalPodAutoscalers,
    and pods that keep their node. Without --namespace and --all, all namespaces are checked except those of
    Kubernetes itself (kube-system, kube-public and kube-node-lease) and of the distribution's pod network.

    What cannot be read is reported as unknown. The exit code is 1 if an error was found or something is
    unknown; warnings count with --fail-on warning.
    """
    from kbootstrap.cli.session import run

    if names and everything:
        raise click.UsageError("--namespace and --all exclude each other")

    async def work(session: Session) -> int:
        from kbootstrap.commands.check import check_workloads
        from kbootstrap.core.diagnostics import Severity
        from kbootstrap.engine.workload_objects import Scope

        scope = Scope(names, everything)
        found = await check_workloads(spec, clusters, session.runtime, scope, Severity(fail_on))
        _show(found, output)
        return exit_code(found, detailed=detailed_exitcode)

    return run(work, output=output, tofu=tofu, spec=spec, quiet=True)


def exit_code(found: Reports, *, detailed: bool) -> int:
    """Return the exit code of reports; `detailed` as `--detailed-exitcode`."""
    from kbootstrap.checks.report import Outcome
    from kbootstrap.core.errors import FINDINGS

    if found.failed or found.verdict is Outcome.PASSED:
        return found.failed
    return FINDINGS if detailed and found.verdict is Outcome.FAILED else 1


def _show(found: Reports, output: str) -> None:
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
