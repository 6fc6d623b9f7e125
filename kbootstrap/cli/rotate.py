"""`kbootstrap rotate`: other tokens, new certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import (
    cluster_option,
    default_spec,
    force_option,
    output_option,
    spec_and_rest,
    tofu_option,
    yes_option,
)

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session
    from kbootstrap.commands.pipeline import ClusterPlan

_words_argument = click.argument("words", nargs=-1, metavar="[SPEC] [CLUSTER]...")
_events_option = click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write events to this file as JSON Lines.",
)


@click.group("rotate", short_help="Give a cluster other tokens, or new certificates.")
def command() -> None:
    """Give a cluster other tokens, or new certificates, one node after the other, while it serves."""


@command.command("tokens", short_help="Change the server's and the agents' token.")
@_words_argument
@cluster_option
@output_option
@tofu_option
@yes_option
@force_option
@_events_option
def tokens(
    words: tuple[str, ...],
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    yes: bool,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Change the tokens that nodes join with: the server's and the agents'.

    The new ones are laid on every server first, then one server activates them, and the services restart with
    them, servers one after the other, then agents, `max_unavailable` of a pool at once. The old ones are no
    longer good for joining. They stay on the servers, for snapshots of before, which need them.

    Run it again when it was interrupted, or run apply: both go on with the same tokens.
    """
    from kbootstrap.commands import rotate

    return _run(rotate.tokens, words, clusters, output, tofu, yes=yes, unlock=unlock, events=events)


@command.command("certificates", short_help="Make the certificates of nodes anew.")
@_words_argument
@cluster_option
@click.option(
    "--within",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Only on nodes where one runs out in fewer days. [default: on all nodes]",
)
@output_option
@tofu_option
@yes_option
@force_option
@_events_option
def certificates(
    words: tuple[str, ...],
    clusters: tuple[str, ...],
    within: int | None,
    output: str,
    tofu: str | None,
    yes: bool,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Make the certificates of nodes anew, which are valid for a year, and write kubeconfigs with a new one.

    Services restart, servers one after the other, then agents, `max_unavailable` of a pool at once; each is
    well before the next one begins. Authorities stay as they are.
    """
    from kbootstrap.commands import rotate

    def make(planned: ClusterPlan) -> ClusterPlan:
        return rotate.certificates(planned, within)

    return _run(make, words, clusters, output, tofu, yes=yes, unlock=unlock, events=events)


def _run(
    make: Callable[[ClusterPlan], ClusterPlan],
    words: tuple[str, ...],
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    *,
    yes: bool,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Plan the clusters, turn the plans into what is asked for, show, ask, and do it."""
    from kbootstrap.cli.changes import consent, document, finished, keep_tokens, planned, show, stop_refused
    from kbootstrap.cli.session import run
    from kbootstrap.commands import rotate

    spec, rest = spec_and_rest(words) if words else (default_spec(), ())

    async def work(session: Session) -> int:
        async with planned(
            session, spec, (*clusters, *rest), changing=True, asking=not yes, unlock=unlock
        ) as found:
            stop_refused(session, found)
            plans = tuple(make(one) for one in found)
            shown = document(session, plans)
            show(session, shown)
            stop_refused(session, plans)
            if not yes and not shown.empty:
                await consent(session, shown)
            for plan in plans:
                session.changed = session.changed or not plan.empty
                nodes = await rotate.carry_out(plan)
                await keep_tokens(session, plan.context, nodes)
            await finished(session, plans)
            return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, events=events)
