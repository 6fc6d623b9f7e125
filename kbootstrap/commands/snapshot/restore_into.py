"""`kbootstrap snapshot restore --into`: rehearses a restore in a temporary, isolated cluster.

The cluster of the snapshot is only read, and not even that when the snapshot is in a bucket or a file: no
lock, no lease, no kubeconfig of the operator's is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kbootstrap.cluster.snapshots.rehearsal import Rehearsed
from kbootstrap.core import files
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Event, Type, phase
from kbootstrap.engine import rehearsal
from kbootstrap.engine.context import Context, locked
from kbootstrap.engine.snapshot_bundle import fetch_bundle


async def rehearse(
    context: Context, snapshot: str, provider: str, *, keep: bool, beginning: Callable[[], None]
) -> Rehearsed:
    """Restore a snapshot in a temporary cluster, read its contents, and remove the cluster unless `keep`.

    `snapshot` is as for a restore. What fails, or is interrupted, removes what it made. Raises `WrongUsage`
    for a provider that cannot make such clusters, and `PrerequisiteMissing`: while one that was kept is there
    (KB0894), for a snapshot without tokens (KB0890).
    """
    begun = time.monotonic()
    rehearsals = rehearsal.rehearsals_of(provider)
    place = context.space.base / rehearsal.FOLDER / context.cluster.name / "rehearsal.yaml"
    rehearsal.verify_free(place)
    with phase(context.runtime.emit, "snapshot", context.cluster.name):
        bundle = await fetch_bundle(context, snapshot)
    beginning()
    try:
        await rehearsal.remove(context, place)  # what a run that was killed left
        twin, tofu, planned = await rehearsal.temporary_cluster(context, place, provider, rehearsals)
        with locked(twin):
            found = await rehearsal.bring_up(twin, tofu, planned, bundle)
        rehearsed = Rehearsed(context.cluster.name, bundle.snapshot, found, time.monotonic() - begun)
        if keep:
            files.write(place.with_name("kept"), "")
            return replace(rehearsed, spec=place, kubeconfig=twin.space.kubeconfig)
        await rehearsal.remove(context, place)
    except BaseException:
        try:
            await rehearsal.remove(context, place)
        except KbootstrapError as error:  # what failed first matters more
            detail = (
                f"the rehearsal could not be removed completely: {error.message}; kbootstrap destroy {place}"
            )
            context.runtime.emit(Event(type=Type.DIAGNOSTIC, cluster=context.cluster.name, detail=detail))
        raise
    return rehearsed
