"""`kbootstrap plan`: show what apply would change."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import bundle_option, cluster_option, detailed_option, spec_argument, tofu_option


@click.command("plan", short_help="Show what apply would change, without changing anything.")
@spec_argument
@cluster_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "json", "markdown", "github"]),
    default="human",
    show_default=True,
    help="Human-readable text on stderr; or on stdout one JSON document, a comment for a pull request, or "
    "annotations of a GitHub workflow.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan to this file, for `kbootstrap apply FILE`. It can contain secrets.",
)
@click.option("--link-base", metavar="URL", help="Web address of the spec's folder, for links to its lines.")
@bundle_option
@tofu_option
@detailed_option
def command(
    spec: Path,
    clusters: tuple[str, ...],
    output: str,
    out: Path | None,
    link_base: str | None,
    bundle: Path | None,
    tofu: str | None,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would change, in the infrastructure and on nodes, without changing anything.

    Nodes that do not answer are listed, without the steps that would be carried out on them. If nothing in
    the plan would bring them back, the command exits with 7, and saves no plan.
    """
    from kbootstrap.cli.review import review
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands import plan as planning
    from kbootstrap.core.errors import CHANGES_PENDING
    from kbootstrap.plans.model import PlanDocument

    async def work(session: Session) -> int:
        def show(plan: PlanDocument) -> None:
            if output in ("human", "json"):
                session.show_plan(plan)
            else:
                review(plan, output, link_base)

        shown = await planning.plan(
            spec, clusters, session.runtime, session, show=show, out=out, bundle=bundle
        )
        return CHANGES_PENDING if detailed_exitcode and not shown.empty else 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, quiet=output == "json")
