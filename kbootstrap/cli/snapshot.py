"""`kbootstrap snapshot`: save, list, delete and restore snapshots of etcd."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import (
    default_spec,
    events_option,
    output_option,
    tofu_option,
    yes_option,
)

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session
    from kbootstrap.cluster.state.snapshots import Snapshot
    from kbootstrap.engine.context import Context

_spec_option = click.option(
    "-s", "--spec", type=click.Path(path_type=Path), help="The spec. [default: the one in the current folder]"
)
_cluster_option = click.option(
    "-c", "--cluster", metavar="NAME", help="The cluster, if the spec has several."
)


@click.group("snapshot", short_help="Save, list, delete and restore snapshots of etcd.")
def command() -> None:
    """Save, list, delete and restore snapshots of etcd.

    A snapshot has all Kubernetes objects, but not the contents of volumes.
    """


@command.command("save", short_help="Save a snapshot now.")
@click.option("--name", default="on-demand", show_default=True, help="Prefix of its name.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also save it, with the token, to this folder.",
)
@_spec_option
@_cluster_option
@output_option
@tofu_option
def save(
    name: str, to: Path | None, spec: Path | None, cluster: str | None, output: str, tofu: str | None
) -> int:
    """Save a snapshot now, on a server and in the bucket, with the encrypted token beside it."""
    from kbootstrap.cluster.snapshots.select import NAME

    if not NAME.fullmatch(name):
        raise click.UsageError("a name has lower-case letters, digits, dots and dashes")

    async def work(session: Session, context: Context) -> None:
        from kbootstrap.commands.snapshot import save as saving

        _show([await saving.save(context, name, to)], {}, session)

    return _run(work, spec, cluster, output, tofu)


@command.command("list", short_help="List the snapshots on the servers and in the bucket.")
@_spec_option
@_cluster_option
@output_option
@tofu_option
def list_(spec: Path | None, cluster: str | None, output: str, tofu: str | None) -> int:
    """List the snapshots on the servers and in the bucket, the newest first."""

    async def work(session: Session, context: Context) -> None:
        from kbootstrap.commands.snapshot.list import list_snapshots

        found = await list_snapshots(context)
        _show(found.snapshots, found.problems, session)

    return _run(work, spec, cluster, output, tofu, looking=True)


@command.command("delete", short_help="Delete a snapshot from the servers and from the bucket.")
@click.argument("name")
@_spec_option
@_cluster_option
@output_option
@tofu_option
@yes_option
def delete(
    name: str, spec: Path | None, cluster: str | None, output: str, tofu: str | None, yes: bool
) -> int:
    """Delete a snapshot from the servers and from the bucket."""

    async def work(session: Session, context: Context) -> None:
        from kbootstrap.commands.snapshot import delete as deleting

        await deleting.delete(context, session, name, yes=yes)

    return _run(work, spec, cluster, output, tofu)


@command.command("restore", short_help="Restore a cluster from a snapshot.")
@click.argument("words", nargs=-1, required=True, metavar="[SPEC] NAME|PATH|s3")
@_spec_option
@_cluster_option
@output_option
@tofu_option
@yes_option
@events_option
@click.option(
    "--into",
    metavar="PROVIDER",
    default="",
    help="Rehearse: restore into a temporary cluster of this provider (local), without changing the cluster.",
)
@click.option("--keep", is_flag=True, help="With --into: keep the temporary cluster.")
def restore(
    words: tuple[str, ...],
    spec: Path | None,
    cluster: str | None,
    output: str,
    tofu: str | None,
    yes: bool,
    events: Path | None,
    into: str,
    keep: bool,
) -> int:
    """Restore a cluster from a snapshot: a name of the list, a file, or s3 for the newest in the bucket.

    All changes in the cluster that are newer than the snapshot are lost. The machines must exist: after the
    loss of all of them, run `kbootstrap apply` first; the token beside the snapshot turns them into the old
    cluster.

    If the command was interrupted, run it again: it resumes where it stopped.

    With --into local it is a rehearsal: a separate cluster on this machine verifies the snapshot and its
    token, shows their contents, and is removed again. No workloads run in it, and it has no network access.
    """
    *named, source = words
    if len(named) > 1 or (named and spec):
        raise click.UsageError("give one spec and one snapshot")
    spec = Path(named[0]) if named else spec
    if keep and not into:
        raise click.UsageError("--keep needs --into")

    async def rehearse(session: Session, context: Context) -> None:
        from kbootstrap.commands.snapshot import restore_into
        from kbootstrap.views.rehearsal import rehearsal_json, show_rehearsal

        done = await restore_into.rehearse(context, source, into, keep=keep, beginning=session.begin)
        session.view.close()
        if session.human:
            show_rehearsal(done, time.time(), sys.stdout, os.environ)
        else:
            click.echo(rehearsal_json(done, time.time()))

    async def work(session: Session, context: Context) -> None:
        from kbootstrap.commands.snapshot.restore import restore_snapshot

        await restore_snapshot(context, session, source, yes=yes)

    if into:
        return _run(rehearse, spec, cluster, output, tofu, changing=False, events=events)
    return _run(work, spec, cluster, output, tofu, events=events)


def _run(
    work: Callable[[Session, Context], Awaitable[None]],
    spec: Path | None,
    cluster: str | None,
    output: str,
    tofu: str | None,
    *,
    looking: bool = False,
    changing: bool = True,
    events: Path | None = None,
) -> int:
    """Run a command about one cluster of a spec; `changing` as for `contexts`.

    `looking` shows no progress. What leaves the cluster alone has one document as JSON, instead of events.
    """
    from kbootstrap.cli.session import run

    path = spec or default_spec()

    async def whole(session: Session) -> int:
        from kbootstrap.engine.one_cluster import one_cluster

        await work(session, one_cluster(path, cluster, session.runtime, changing=changing and not looking))
        return 0

    document = looking or (output == "json" and not changing)
    return run(whole, output=output, tofu=tofu, spec=path, logged=not looking, events=events, quiet=document)


def _show(found: Sequence[Snapshot], problems: Mapping[str, str], session: Session) -> None:
    from kbootstrap.views.snapshots import show_snapshots, snapshots_json

    if session.human:
        show_snapshots(found, problems, sys.stdout, os.environ)
    else:
        click.echo(snapshots_json(found, problems))
