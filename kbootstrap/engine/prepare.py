"""Prepares a cluster's root: writes the HCL, provides what it needs, and initialises OpenTofu."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from kbootstrap.core.events import Event, Type
from kbootstrap.core.resources import terraform_modules
from kbootstrap.core.workspace import Workspace
from kbootstrap.engine.context import Context
from kbootstrap.engine.existing_machines import existing_infrastructure
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.tofu_providers import initialised
from kbootstrap.providers.context import ProviderContext
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.render.write import write
from kbootstrap.spec.references import Reader
from kbootstrap.spec.states import in_the_root
from kbootstrap.tofu import encryption
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import Binary, find
from kbootstrap.tofu.run import Tofu
from kbootstrap.tofu.settle import LOCK_WAIT, settled


def never_created(context: Context) -> bool:
    """Return whether a cluster certainly has no state yet: it would be a file in its folder."""
    file = in_the_root(context.spec) and context.existing_machines is None
    return file and not context.space.made


async def prepare(
    context: Context, meanwhile: Callable[[], None] | None = None, *, creating: bool = True
) -> Infrastructure:
    """Write the cluster's root, provide what it needs, and return OpenTofu for it, initialised.

    `creating` False omits what only new machines need (the node image). Existing machines need nothing.
    `meanwhile` is called if OpenTofu must be initialised, for which its providers may have to be built: then
    the cluster may be new, and other work can begin.
    """
    run, space = context.runtime, context.space
    Workspace(space.base).make()
    space.claim(context.spec.name, creating=creating)
    if (machines := context.existing_machines) is not None:
        return existing_infrastructure(context, machines)
    # Before anything is read: a killed run may still be creating resources.
    await settled(space.root, LOCK_WAIT, context.cluster.name, run.emit)
    providing = asyncio.create_task(_provide(context, creating=creating))
    try:
        binary = await find(run.runner, run.env, run.cache, run.tofu)
        pinned, variables = await providing
    finally:
        providing.cancel()
        await asyncio.gather(providing, return_exceptions=True)
    for why in binary.unusable:
        run.emit(Event(type=Type.LOG, cluster=context.cluster.name, detail=f"{binary} is used: {why}"))
    variables = {**variables, **_encryption(context, binary)}
    root = context.provider.render(pinned)
    rendered = assemble(
        context.spec.path.name, {context.cluster.name: root}, read_modules(terraform_modules())
    )
    write(rendered, space.base, whole=False, force=True)
    tofu = Tofu(
        root=space.root,
        binary=binary,
        runner=run.runner,
        env=environment({**run.env, **variables}, run.cache),
        cluster=context.cluster.name,
        redactor=run.redactor,
        emit=run.emit,
        provenance=Provenance.of(root, rendered.files, context.cluster.name, context.spec.source),
        hints=context.provider.traits.hints,
        traits=context.provider.traits.resources,
    )
    return await initialised(tofu, run, root.providers, pinned.lock.providers, meanwhile)


async def _provide(context: Context, *, creating: bool) -> tuple[ProviderContext, Mapping[str, str]]:
    """Return the definition with all pins, and the environment for OpenTofu, when what it needs is there."""
    lock = await context.provider.pin(context.provider_context, creating=creating)
    pinned = replace(context.provider_context, lock=lock)
    return pinned, await context.provider.prepare(pinned, creating=creating)


def _encryption(context: Context, binary: Binary) -> Mapping[str, str]:
    """Return the environment for the encryption of the state, if the spec sets it."""
    run, passphrase = context.runtime, context.spec.state.passphrase
    if passphrase is None:
        return {}
    encryption.verify(binary)
    reader = Reader(context.spec.path.parent, run.env, "the state's passphrase", "KB0531")
    secret = run.redactor.add(reader.text(passphrase).strip())
    return encryption.variables(secret, accept_unencrypted=accepts_unencrypted(context))


def accepts_unencrypted(context: Context) -> bool:
    """Return whether the spec requires an encrypted state, and this run may read an unencrypted one."""
    accepted = context.runtime.env.get(encryption.ACCEPT) == "accept"
    return accepted and context.spec.state.passphrase is not None
