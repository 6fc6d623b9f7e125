"""`kbootstrap conformance`: audit nodes against the CIS benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import default_spec, spec_and_rest, tofu_option
from kbootstrap.cli.reports import exit_code, report_options, show

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session


@click.command("conformance", short_help="Audit nodes against the CIS benchmark.")
@click.argument(
    "words", nargs=-1, metavar="[SPEC] [CLUSTER|NODE]...", shell_complete=names.spec_then_clusters_and_nodes
)
@report_options
@tofu_option
def command(
    words: tuple[str, ...], fail_on: str, detailed_exitcode: bool, output: str, tofu: str | None
) -> int:
    """Audit nodes: the CIS Kubernetes Benchmark, and the settings of the machines. It changes nothing.

    All nodes of the spec are audited, or those of the clusters and nodes that are named. Every audit that
    fails says what to change in the spec or on the host.

    What cannot be read is reported as unknown. The exit code is 1 if an error was found or something is
    unknown; warnings count with --fail-on warning.
    """
    from kbootstrap.cli.session import run

    spec, chosen = spec_and_rest(words) if words else (default_spec(), ())

    async def work(session: Session) -> int:
        from kbootstrap.commands.conformance import check_conformance
        from kbootstrap.core.diagnostics import Severity

        found = await check_conformance(spec, chosen, session.runtime, Severity(fail_on))
        show(found, output)
        return exit_code(found, detailed=detailed_exitcode)

    return run(work, output=output, tofu=tofu, spec=spec, quiet=True)
