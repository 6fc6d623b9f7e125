"""Carries out the nodes' plan: fetches artifacts to this machine, then runs the steps on nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source.built_images import obtain_image
from kbootstrap.artifacts.source.recipe import built_image
from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.state.wanted import LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import phase
from kbootstrap.distros.additions import SecretContent
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.verify_programs import verify_programs


def verify_allowed(context: Context, nodes: Nodes) -> None:
    """Raise if the nodes' plan was refused, before anything is changed."""
    if nodes.plan.refused:
        raise InstallFailed(
            f"cluster {context.cluster.name} cannot be changed to match the spec",
            diagnostics=nodes.plan.diagnostics,
        )


async def fetch_artifacts(context: Context, nodes: Nodes) -> Mapping[str, LocalFile]:
    """Fetch the artifacts of the plan to this machine, for every architecture that it needs."""
    run, kubernetes = context.runtime, context.cluster.kubernetes
    found: dict[str, LocalFile] = {}
    with phase(run.emit, "artifacts", context.cluster.name):
        for arch in sorted({facts.arch for facts in nodes.facts.values()}):
            kept = await obtain(
                kubernetes.distribution,
                kubernetes.version,
                arch,
                runner=run.runner,
                chosen=context.distribution,
                mirror=context.cluster.artifacts.mirror,
                pin=context.lock.artifact(kubernetes.distribution, kubernetes.version),
                emit=run.emit,
                env=run.env,
                folder=run.cache,
            )
            await _share(context, nodes, kept)
            found |= _local(kept)
            for wanted in map(built_image, context.additions.images):
                if wanted.archive(arch) in nodes.plan.artifacts:
                    found |= _local(
                        await obtain_image(
                            wanted, arch, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache
                        )
                    )
    return found


async def _share(context: Context, nodes: Nodes, kept: Kept) -> None:
    """Have the provider unpack the files for new nodes, where nodes share them."""
    staged = (step for step in nodes.plan.all_steps if isinstance(step, StageFile))
    if context.provider.shared_artifacts and any(not step.aside for step in staged):
        script = nodes.wanted.distro.unpack
        await context.provider.shared_artifacts.provide(context.provider_context, kept, script)


async def install(context: Context, nodes: Nodes) -> str | None:
    """Carry out the nodes' plan if it has steps; return a server's admin kubeconfig, if any."""
    if not nodes.plan.steps:
        return nodes.kubeconfig
    run = context.runtime
    artifacts = await fetch_artifacts(context, nodes) if nodes.plan.artifacts else {}
    verify_programs(context, nodes)
    with phase(run.emit, "nodes", context.cluster.name):
        return await converge(
            nodes.plan,
            nodes.wanted,
            nodes.hosts,
            artifacts=artifacts,
            external=nodes.api_endpoint,
            redactor=run.redactor,
            emit=run.emit,
            make_secret=partial(make_secret, context),
            shared=context.provider.shared_artifacts is not None,
        )


async def make_secret(context: Context) -> SecretContent:
    """Create the Secret that the provider's additions need. ValueError for a provider without additions."""
    if context.provider.addons is None:
        raise ValueError(f"the provider {context.provider.name} has no additions")
    return await context.provider.addons.make_secret(context.provider_context)


def _local(kept: Kept) -> dict[str, LocalFile]:
    return {name: LocalFile(path, kept.sha256[name]) for name, path in kept.paths.items()}
