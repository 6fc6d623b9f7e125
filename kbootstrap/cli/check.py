"""`kbootstrap check`: check what runs in clusters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import cluster_option, spec_argument, tofu_option
from kbootstrap.cli.reports import exit_code, report_options, show

if TYPE_CHECKING:
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
@report_options
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
        show(found, output)
        return exit_code(found, detailed=detailed_exitcode)

    return run(work, output=output, tofu=tofu, spec=spec, quiet=True)
