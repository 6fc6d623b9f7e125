"""The temporary, isolated cluster of a rehearsal.

It is an ordinary one of a spec that kbootstrap writes, in a workspace of its own, so that `destroy` and
`status` know it too.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from kbootstrap.cluster.api.http import connect
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.observe.credentials import await_kubeconfig
from kbootstrap.cluster.snapshots import rehearsal, remote, restore
from kbootstrap.cluster.snapshots.rehearsal import Contents
from kbootstrap.cluster.snapshots.reporting import SnapshotStep
from kbootstrap.cluster.state.restore_mark import quoted
from kbootstrap.cluster.steps.files import StageFile, WriteFile
from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing, WrongUsage
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context, contexts, locked
from kbootstrap.engine.destroy_cluster import destroy_cluster
from kbootstrap.engine.infrastructure import Infrastructure, carry_out
from kbootstrap.engine.install import fetch_artifacts, verify_allowed
from kbootstrap.engine.kubeconfig import entries
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.prepare import prepare
from kbootstrap.engine.snapshot_bundle import SnapshotBundle
from kbootstrap.engine.spec import read_spec
from kbootstrap.kubeconfig.admin import write_own_copy
from kbootstrap.providers import find, names
from kbootstrap.providers.capabilities import Rehearsals
from kbootstrap.spec import derive
from kbootstrap.spec.model import Cluster, Kubernetes, Network, Spec
from kbootstrap.tofu.plan import PlanSummary

FOLDER = ".rehearsals"
"""In the workspace; no cluster can be named so."""
_NAME = 40
"""Longest name of a temporary cluster: its node's name must be a host name."""
_PLACES = 12
"""Networks and ports that are tried."""


def rehearsals_of(provider: str) -> Rehearsals:
    """Return what makes temporary clusters; raises `WrongUsage` for a provider that cannot make any."""
    found = find(provider).rehearsals if provider in names() else None
    if found is None:
        able = ", ".join(name for name in names() if find(name).rehearsals)
        raise WrongUsage(
            f"provider {provider} has no temporary clusters", hint=f"use --into with one of: {able}"
        )
    return found


async def temporary_cluster(
    context: Context, place: Path, provider: str, rehearsals: Rehearsals
) -> tuple[Context, Infrastructure, PlanSummary]:
    """Write the temporary cluster's spec and prepare its infrastructure, at free addresses."""
    places = documents(context.spec, context.cluster, provider, rehearsals)
    for number, document in enumerate(places, 1):
        files.write(place, document, mode=0o600)
        spec = read_spec(place)
        (twin,) = contexts(spec, spec.clusters, context.runtime)
        try:
            with phase(context.runtime.emit, "prepare", twin.cluster.name):
                tofu = await prepare(twin)
        except PrerequisiteMissing as error:
            if error.code not in rehearsals.taken or number == len(places):
                raise
        else:
            return twin, tofu, await tofu.plan(tofu.planfile)
    raise PrerequisiteMissing("there are no free addresses for a temporary cluster", code="KB0608")


def documents(spec: Spec, cluster: Cluster, provider: str, rehearsals: Rehearsals) -> Sequence[str]:
    """Return specs of the temporary cluster, each with other addresses and another port; pure.

    What the snapshot depends on is as in its cluster. JSON, which is YAML too.
    """
    kubernetes = cluster.kubernetes
    name = f"{cluster.name}-rehearsal"
    if len(name) > _NAME:
        name = f"rehearsal-{derive.number(cluster.name) % 16**8:08x}"
    shared = cluster.provider.settings if cluster.provider.name == provider else {}
    found = []
    for number in range(_PLACES):
        network = derive.network(f"{spec.name}-rehearsal", f"{name}/{number}" if number else name)
        if any(network.cidr.overlaps(one) for one in _taken(cluster)):
            continue
        port = derive.FIRST_PORT + (derive.number(spec.name, name) + number) % derive.PORTS
        own_cluster: dict[str, Any] = {
            "provider": {provider: rehearsals.settings(shared, port)},
            "kubernetes": _kubernetes(kubernetes),
            "network": _written(network),
            "control_plane": {"nodes": 1},
            "pools": [],
        }
        if cluster.artifacts.mirror:
            own_cluster["artifacts"] = {"mirror": cluster.artifacts.mirror}
        whole = {
            "apiVersion": "kbootstrap/v1alpha1",
            "name": f"{spec.name}-rehearsal"[-63:].lstrip("-0123456789"),
            "clusters": {name: own_cluster},
        }
        head = (
            f"# A rehearsal of a snapshot of cluster {cluster.name}. Remove it with `kbootstrap destroy`.\n"
        )
        found.append(f"{head}{json.dumps(whole, indent=2)}\n")
    return found


def _kubernetes(kubernetes: Kubernetes) -> dict[str, Any]:
    encrypted = kubernetes.secrets_encryption or kubernetes.profile is not None
    chosen = {"cni": kubernetes.cni, "ingress_controller": kubernetes.ingress_controller}
    return {
        "distribution": kubernetes.distribution,
        "version": kubernetes.version,
        **({"secrets_encryption": True} if encrypted else {}),
        "disable": list(kubernetes.disable),
        **{key: value for key, value in chosen.items() if value is not None},
        "pod_cidr": str(kubernetes.pod_cidr),
        "service_cidr": str(kubernetes.service_cidr),
    }


def _taken(cluster: Cluster) -> tuple[Any, ...]:
    own = (cluster.network.cidr,) if cluster.network else ()
    return (cluster.kubernetes.pod_cidr, cluster.kubernetes.service_cidr, *own)


def _written(network: Network) -> dict[str, str]:
    return {
        "cidr": str(network.cidr),
        "control_plane": str(network.control_plane),
        "agents": str(network.agents),
    }


async def bring_up(
    twin: Context, tofu: Infrastructure, planned: PlanSummary, bundle: SnapshotBundle
) -> Contents:
    """Create the machine, isolate it, restore the snapshot, start the API server, and read the contents."""
    emit, cluster = twin.runtime.emit, twin.cluster.name
    async with AsyncExitStack() as stack:
        with phase(emit, "infrastructure", cluster):
            await carry_out(twin, tofu, planned)
        nodes = await observe_nodes(twin, (await tofu.state()).outputs, stack)
        verify_allowed(twin, nodes)
        with phase(emit, "restore", cluster):
            await _install(twin, nodes)
            return await _restore(twin, nodes, bundle)


async def _install(twin: Context, nodes: Nodes) -> None:
    """Install program and configuration on the machine like `apply`, without tokens and needless images."""
    (name,) = nodes.hosts
    actions = NodeActions(nodes.hosts[name], nodes.desired, twin.runtime.redactor)
    reporter = StepReporter(twin.cluster.name, twin.runtime.emit)
    steps = nodes.plan.steps[name]
    artifacts = await fetch_artifacts(twin, nodes.plan, nodes.arches)
    shared = twin.provider.shared_artifacts is not None
    await actions.begin(steps)
    for step in steps:
        if isinstance(step, StageFile) and twin.distribution.rehearses(step.artifact):
            with reporter.report(step):
                artifact, version, aside = step.artifact, step.version, step.aside
                if shared and await actions.place_shared(artifact, version, artifacts, aside=aside):
                    continue
                progress = reporter.progress(step)
                await actions.stage(artifact, version, artifacts, aside=aside, progress=progress)
        elif isinstance(step, WriteFile):
            with reporter.report(step):
                await actions.put(step.file.content, step.file.path, step.file.mode)


async def _restore(twin: Context, nodes: Nodes, bundle: SnapshotBundle) -> Contents:
    """Restore the snapshot, wait until the API answers, and return the contents."""
    (name,) = nodes.hosts
    host, distro, run = nodes.hosts[name], twin.distribution, twin.runtime
    actions, unit = NodeActions(host, nodes.desired, run.redactor), distro.unit("server")
    reporter = StepReporter(twin.cluster.name, run.emit)

    def step(what: str) -> SnapshotStep:
        return SnapshotStep(node=name, what=what)

    with reporter.report(step("isolate the machine")):
        await rehearsal.fence(host, distro, quoted(bundle.snapshot.name))
    with reporter.report(step(f"restore {bundle.snapshot.name}")):
        await host.put(bundle.file or bundle.content, restore.FILE, mode=0o600, deadline=remote.SAVE)
        await restore.reset(host, distro, restore.FILE, from_bucket=False, new=bundle.tokens)
    with reporter.report(step("start the API server")) as waiting:
        await actions.start(unit)
        await actions.serving(unit, waiting)
    text = await await_kubeconfig(host, distro, run.redactor)
    api = connect(text, nodes.api_endpoint)
    try:
        seen = await patiently(api.nodes)
    finally:
        await api.close()
    found = await rehearsal.contents(host, distro)
    write_own_copy(twin.space.kubeconfig, text, entries(twin)[1], nodes.inventory.external)
    return replace(found, nodes={node.name: node.version for node in seen})


def verify_free(place: Path) -> None:
    """Raise if an earlier rehearsal was kept and still exists."""
    if place.with_name("kept").exists() and any(place.parent.glob(".kbootstrap/*.run")):
        raise PrerequisiteMissing(
            "a rehearsal of this cluster is kept, and only one can exist at a time",
            hint=f"kbootstrap destroy {place}",
            code="KB0894",
        )


async def remove(context: Context, place: Path) -> None:
    """Remove the temporary cluster and its folder, as far as they exist."""
    with contextlib.suppress(WrongUsage):  # there is no spec yet
        spec = read_spec(place)
        (twin,) = contexts(spec, spec.clusters, context.runtime, changing=False)
        with locked(twin):
            async with AsyncExitStack() as stack:
                await destroy_cluster(twin, stack, beginning=_nothing)
    shutil.rmtree(place.parent, ignore_errors=True)
    with contextlib.suppress(OSError):
        place.parent.parent.rmdir()


def _nothing() -> None:
    """Do nothing: the removal of the temporary cluster needs no report."""
