"""Carries out the nodes' plan: fetches artifacts to this machine, then runs the steps on nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.source.built_images import obtain_image
from kbootstrap.artifacts.source.recipe import built_image
from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.converge.pending import Pending
from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import phase
from kbootstrap.distros.additions import SecretContent
from kbootstrap.engine.autoscaler_pods import archives, pod_secrets
from kbootstrap.engine.context import Context
from kbootstrap.engine.downloads import PHASE, Downloads
from kbootstrap.engine.elastic import departed
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.verify_programs import verify_programs


def verify_allowed(context: Context, nodes: Nodes) -> None:
    """Raise if the nodes' plan was refused, before anything is changed."""
    if nodes.plan.refused:
        raise InstallFailed(
            f"cluster {context.cluster.name} cannot be changed to match the spec",
            diagnostics=nodes.plan.diagnostics,
        )


async def fetch_artifacts(
    context: Context, plan: Plan, arches: Collection[str], downloads: Downloads | None = None
) -> Mapping[str, LocalFile]:
    """Fetch the artifacts of the plan to this machine, for every architecture that it needs.

    `downloads` has what has begun already.
    """
    run, found = context.runtime, dict[str, LocalFile]()
    downloads = downloads or Downloads(context)
    with phase(run.emit, PHASE, context.cluster.name):
        found |= await archives(context, plan.artifacts)
        if plan.artifacts <= found.keys():
            return found
        for arch in sorted(arches):
            kept = await downloads.obtain(arch)
            await _share(context, plan, kept)
            found |= _local(kept)
            for image in map(built_image, context.additions.images):
                if image.archive(arch) in plan.artifacts:
                    found |= _local(
                        await obtain_image(
                            image, arch, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache
                        )
                    )
    return found


async def _share(context: Context, plan: Plan, kept: Kept) -> None:
    """Have the provider unpack the files that nodes need, where nodes share them."""
    needed = any(isinstance(step, StageFile) for step in plan.all_steps)
    if context.provider.shared_artifacts and needed:
        script = context.distribution.unpack
        await context.provider.shared_artifacts.provide(context.provider_context, kept, script)


async def install(
    context: Context, nodes: Nodes, downloads: Downloads | None = None, pending: Pending | None = None
) -> str | None:
    """Carry out the nodes' plan if it has steps; return a server's admin kubeconfig, if any.

    `downloads` has artifacts that are being obtained already, `pending` what is still being created
    (`converge`).
    """
    if not nodes.plan.steps:
        return nodes.kubeconfig
    run = context.runtime
    artifacts: Mapping[str, LocalFile] = {}
    if nodes.plan.artifacts:
        artifacts = await fetch_artifacts(context, nodes.plan, nodes.arches, downloads)
    verify_programs(context, nodes.desired, nodes.plan, nodes.facts)
    with phase(run.emit, "nodes", context.cluster.name):
        return await converge(
            nodes.plan,
            nodes.desired,
            nodes.hosts,
            artifacts=artifacts,
            external=nodes.api_endpoint,
            redactor=run.redactor,
            emit=run.emit,
            make_secret=partial(make_secret, context),
            shared=context.provider.shared_artifacts is not None,
            pending=pending,
            relay=Relay() if _relays(nodes) else None,
            pod_secrets=pod_secrets(context),
            departed=partial(_departed, context, nodes),
        )


async def _departed(context: Context, nodes: Nodes, names: Collection[str]) -> frozenset[str]:
    """Return those of the nodes that were elastic, and are gone."""
    elastic = [name for name in names if name in nodes.elastic.machines]
    return await departed(context, elastic) if elastic else frozenset()


async def make_secret(context: Context) -> SecretContent:
    """Create the Secret that the provider's additions need. ValueError for a provider without additions."""
    if context.provider.addons is None:
        raise ValueError(f"the provider {context.provider.name} has no additions")
    return await context.provider.addons.make_secret(context.provider_context)


def _relays(nodes: Nodes) -> bool:
    """Return whether nodes pass files on: every file would pass a bastion, and they are among themselves."""
    behind = any(machine.ssh.jump for machine in nodes.inventory.machines.values())
    return behind and nodes.inventory.own_network


def _local(kept: Kept) -> dict[str, LocalFile]:
    return {name: LocalFile(path, kept.sha256[name]) for name, path in kept.paths.items()}
