"""`kbootstrap rotate`: replace the tokens or the certificates of clusters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import (
    cluster_option,
    default_spec,
    events_option,
    force_option,
    output_option,
    spec_and_rest,
    tofu_option,
    yes_option,
)

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session
    from kbootstrap.engine.cluster_plan import ClusterPlan

_words_argument = click.argument("words", nargs=-1, metavar="[SPEC] [CLUSTER]...")


@click.group("rotate", short_help="Replace the tokens or the certificates of clusters.")
def command() -> None:
    """Replace the tokens or the certificates of clusters, one node after the other, while they serve."""


@command.command("tokens", short_help="Replace the tokens that nodes join with.")
@_words_argument
@cluster_option
@output_option
@tofu_option
@yes_option
@force_option
@events_option
def tokens(
    words: tuple[str, ...],
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    yes: bool,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Replace the tokens that nodes join with: the server token and the agent token.

    The new tokens are first staged on every server, then one server activates them. The services then restart
    with them: servers one after the other, then agents, `max_unavailable` of a pool at once. The old tokens
    are no longer valid for joining. The servers keep them, because older snapshots need them.

    If the command was interrupted, run it again, or run apply: both resume with the same tokens.
    """
    from kbootstrap.commands import rotate

    return _run(rotate.tokens, words, clusters, output, tofu, yes=yes, unlock=unlock, events=events)


@command.command("certificates", short_help="Renew the certificates of nodes.")
@_words_argument
@cluster_option
@click.option(
    "--within",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Only on nodes with a certificate that expires in fewer days. [default: on all nodes]",
)
@output_option
@tofu_option
@yes_option
@force_option
@events_option
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
    """Renew the certificates of nodes, which are valid for a year, and write kubeconfigs with a new one.

    Services restart: servers one after the other, then agents, `max_unavailable` of a pool at once. Each node
    is healthy again before the next one begins. Certificate authorities are not changed.
    """
    from kbootstrap.commands import rotate

    def make(planned: ClusterPlan) -> ClusterPlan:
        return rotate.certificates(planned, within)

    return _run(make, words, clusters, output, tofu, yes=yes, unlock=unlock, events=events)


def _run(
    change: Callable[[ClusterPlan], ClusterPlan],
    words: tuple[str, ...],
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    *,
    yes: bool,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Plan the clusters, change the plans to a rotation, show them, ask, and carry them out."""
    from kbootstrap.cli.next_step import say_next_step
    from kbootstrap.cli.session import run
    from kbootstrap.commands.rotate import rotate

    spec, rest = spec_and_rest(words) if words else (default_spec(), ())

    async def work(session: Session) -> int:
        plans = await rotate(
            spec, (*clusters, *rest), session.runtime, session, change, yes=yes, unlock=unlock
        )
        await say_next_step(session, plans)
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, events=events)
