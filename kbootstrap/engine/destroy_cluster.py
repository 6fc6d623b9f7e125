"""Removes one cluster and everything that was created for it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from kbootstrap.core.errors import KbootstrapError, TofuFailed
from kbootstrap.core.events import Event, Type, phase
from kbootstrap.engine.connect import lock as lock_nodes
from kbootstrap.engine.context import Context
from kbootstrap.engine.destroy_record import note_destroy
from kbootstrap.engine.elastic import delete_all, elastic_machines
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.kubeconfig import entries
from kbootstrap.engine.outputs import verify_there
from kbootstrap.engine.prepare import prepare
from kbootstrap.kubeconfig.remove import remove
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.render.address import key
from kbootstrap.spec.states import in_the_root


async def destroy_cluster(
    context: Context, stack: AsyncExitStack, *, beginning: Callable[[], None], with_buckets: bool = False
) -> tuple[str, ...]:
    """Remove the cluster and everything that was created for it, including resources in no state.

    `beginning` is called right before the first thing is removed, and after a look whether it is there at
    all: other credentials show an empty cloud, in which everything seems to be removed already. Returns the
    names of buckets that stay, which is all of them unless `with_buckets`; also those that a destroy which
    did not come to its end has let go.
    """
    emit, cluster = context.runtime.emit, context.cluster.name
    with phase(emit, "prepare", cluster):
        tofu = await prepare(context, creating=False)
        state = await tofu.state()
        await verify_there(context, state.outputs)
        await lock_nodes(context, state.outputs, stack)
        resources, addresses = context.provider.traits.resources, state.by_address
        found = {address: key(address) or address for address in resources.buckets(addresses)}
        kept = () if with_buckets else tuple(found)
        contained = resources.deleted_with_others(addresses)
    beginning()
    with phase(emit, "destroy", cluster):
        await context.provider.remove_orphans(
            context.provider_context, OrphanPhase.BEFORE_DESTROY, known=state.ids
        )
        stay = note_destroy(context.space, found.values(), leaving=not with_buckets)
        forgotten = {*kept, *contained}
        if forgotten:
            await tofu.state_remove((*kept, *contained))  # raises if another run holds the state's lock
        context.lease.verify()
        # The lock of the workspace excludes other runs where the state is a file in it.
        alone = context.lease.is_held or bool(forgotten) or in_the_root(context.spec)
        ids = {address: one for address, one in addresses.items() if one and address not in forgotten}
        await _destroy(context, tofu, ids if alone else {})
        context.lease.forget()  # with the machines that kept it
        await delete_all(context)
        await context.provider.remove_orphans(context.provider_context, OrphanPhase.AFTER_DESTROY)
    with phase(emit, "kubeconfig", cluster):
        await asyncio.to_thread(remove, *entries(context))
        # The root goes last: should anything above fail, the state is still there.
        for folder in (context.space.run, context.space.root):
            shutil.rmtree(folder, ignore_errors=True)
    return tuple(sorted(stay))


async def _destroy(context: Context, tofu: Infrastructure, resources: Mapping[str, str]) -> None:
    """Delete elastic machines, then everything in the state.

    `resources` are the IDs by address, of what need not wait for OpenTofu: nothing, if only OpenTofu would
    find out that another run changes the cluster.

    While the cluster has an API, the server of Cluster Autoscaler may make another machine, which keeps the
    network from being deleted. Once the servers are gone, it makes none.
    """
    await delete_all(context)
    await _remove_early(context, tofu, resources)
    try:
        await tofu.destroy()
    except TofuFailed:
        if not await elastic_machines(context):
            raise
        await delete_all(context)
        await tofu.destroy()


async def _remove_early(context: Context, tofu: Infrastructure, resources: Mapping[str, str]) -> None:
    """Let the infrastructure delete what it can before OpenTofu reads; a failure leaves it to OpenTofu.

    An elastic machine that was made while the servers still ran is deleted then.
    """
    early = context.provider.early_removal
    if early is None or not resources:
        return
    try:
        unreadable = await early.remove(context.provider_context, resources)
    except KbootstrapError as error:
        cluster, detail = context.cluster.name, f"left to OpenTofu: {error.message}"
        context.runtime.emit(Event(type=Type.LOG, cluster=cluster, detail=detail))
    else:
        if unreadable:
            await tofu.state_remove(sorted(unreadable))
    await delete_all(context)
