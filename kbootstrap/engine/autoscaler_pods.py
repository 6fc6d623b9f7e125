"""Secrets, images and removal of Cluster Autoscaler and its server as pods of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial

from kbootstrap.artifacts import cache
from kbootstrap.autoscaler.certificates import CLIENT
from kbootstrap.autoscaler.kube import LEASE
from kbootstrap.autoscaler.pods import contents, settings
from kbootstrap.autoscaler.pods.cluster_autoscaler import STATUS
from kbootstrap.cluster.api.http import connect as connect_api
from kbootstrap.cluster.converge.secrets import PodSecrets, forget_pods
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.steps.autoscaler import RemovePods
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.distros.additions import SecretContent
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.providers.capabilities import ElasticAccess


def pod_secrets(context: Context) -> PodSecrets | None:
    """Return how the Secrets are made and ended; None for a provider whose machines no pod makes."""
    access = context.provider.elastic_access
    if access is None:
        return None
    return PodSecrets(
        partial(_make, context, access),
        partial(access.remove, context.provider_context),
        (LEASE, CLIENT),
        (STATUS,),
    )


async def _make(context: Context, access: ElasticAccess, token: str) -> Mapping[str, SecretContent]:
    found = await access.make(context.provider_context, settings.SECRET)
    return await asyncio.to_thread(
        contents.secrets, found, token, datetime.now(UTC), context.runtime.redactor
    )


async def archives(context: Context, names: Collection[str]) -> Mapping[str, LocalFile]:
    """Return those archives of images whose names these are.

    Raises `PrerequisiteMissing` (KB1409) for a file that does not exist, or that has another checksum.
    """
    wanted = [one for one in context.additions.archives if one.name in names]
    folder = context.spec.path.parent
    found = {}
    for one in wanted:
        path = (folder / one.file).expanduser()
        try:
            digest = await asyncio.to_thread(cache.sha256, path)
        except OSError as error:
            raise PrerequisiteMissing(
                f"the image {path} cannot be read: {error.strerror}",
                hint="`kbootstrap autoscaler image FILE` packs that of the server; paths count from the spec",
                code="KB1409",
            ) from error
        if digest != one.sha256:
            raise PrerequisiteMissing(
                f"the image {path} has another checksum than the spec says",
                hint=f"if it is the right one, write `sha256: {digest}`, and its tag as `image`",
                code="KB1409",
            )
        found[one.name] = LocalFile(path, digest)
    return found


async def finish_removal(plan: Plan, nodes: Nodes) -> None:
    """Remove the last Secret if the plan removed the pods, and the elastic nodes have left."""
    steps = (step for step in plan.all_steps if isinstance(step, RemovePods))
    if nodes.kubeconfig is None or all(step.last for step in steps):
        return
    api = connect_api(nodes.kubeconfig, nodes.api_endpoint)
    try:
        await forget_pods(api)
    finally:
        await api.close()
