"""What several commands share: the prepared root, the outputs, the artifacts, the kubeconfig."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source.built_images import obtain_image
from kbootstrap.artifacts.source.recipe import built_image
from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.state.model import LocalFile
from kbootstrap.core import files
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import Event, Type, phase
from kbootstrap.core.resources import terraform_modules
from kbootstrap.core.workspace import ClusterSpace, Workspace
from kbootstrap.distros.model import NodeFile
from kbootstrap.engine.context import Context
from kbootstrap.engine.existing_machines import given
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.tofu_providers import initialised
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig.admin import write_own_copy
from kbootstrap.kubeconfig.merge import merge_into
from kbootstrap.kubeconfig.paths import entry_name, search_list
from kbootstrap.render.address import node as node_of
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.render.write import write
from kbootstrap.spec.references import Reader
from kbootstrap.tofu import encryption
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import Binary, find
from kbootstrap.tofu.run import LOCK_WAIT, Tofu
from kbootstrap.tofu.settle import settled

PLAN_FILE = "kbootstrap.tfplan"
"""OpenTofu's plan, in the cluster's root."""


async def prepare(context: Context, *, making: bool = True) -> Infrastructure:
    """Write the cluster's root, make ready what it needs, and return OpenTofu for it, initialised.

    `making` False leaves out what only new machines need (the node image). Machines that exist need nothing.
    """
    run, space = context.runtime, context.space
    Workspace(space.base).make()
    space.claim(context.spec.name, making=making)
    if (machines := context.given) is not None:
        return given(context, machines)
    # Before anything is looked at: what a killed run is just making is only half there.
    await settled(space.root, LOCK_WAIT, context.cluster.name, run.emit)
    binary = await find(run.runner, run.env, run.cache, run.tofu)
    for why in binary.unusable:
        run.emit(Event(type=Type.LOG, cluster=context.cluster.name, detail=f"{binary} is used: {why}"))
    spec, cluster, around = context.spec, context.cluster, context.around
    lock = await context.provider.pin(spec, cluster, context.lock, around, making=making)
    variables = await context.provider.prepare(spec, cluster, lock, around, making=making)
    variables = {**variables, **_encryption(context, binary)}
    root = context.provider.render(spec, cluster, lock)
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
        hints=context.provider.hints,
    )
    return await initialised(tofu, run, root.providers, lock.providers)


def _encryption(context: Context, binary: Binary) -> Mapping[str, str]:
    """Return the environment by which OpenTofu encrypts the state, where the spec wants that."""
    run, passphrase = context.runtime, context.spec.state.passphrase
    if passphrase is None:
        return {}
    encryption.verify(binary)
    reader = Reader(context.spec.path.parent, run.env, "the state's passphrase", "KB0531")
    secret = run.redactor.add(reader.text(passphrase).strip())
    return encryption.variables(secret, accept_unencrypted=run.env.get(encryption.ACCEPT) == "accept")


async def current_outputs(context: Context) -> Mapping[str, Any]:
    """Return the outputs, empty for a cluster that was never made; raises where its state was lost."""
    outputs = await (await prepare(context, making=False)).outputs()
    verify_owner(context, outputs)
    if not outputs:
        names = [node.name for node in context.nodes]
        blank = await context.blank(names)
        if lost := [name for name in names if name not in blank]:
            raise state_lost(context, lost)
    return outputs


async def vanished(context: Context, outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return HCL addresses of what is gone behind our back and still wanted, each with its reason."""
    if not outputs:
        return {}
    found = await context.provider.drifted(context.cluster, outputs, context.around)
    wanted = {None, *(node.name for node in context.nodes)}
    return {
        address: why for address, why in found.items() if node_of(address, context.cluster.name) in wanted
    }


def verify_owner(context: Context, outputs: Mapping[str, Any]) -> None:
    """Raise `PrerequisiteMissing` (KB0534) for the state of another cluster."""
    made = outputs.get("kbootstrap") or {}
    own = {"spec": context.spec.name, "cluster": context.cluster.name}
    found = {key: made[key] for key in own if key in made and made[key] != own[key]}
    if not found:
        return
    whose = " and ".join(f"the {key} '{value}'" for key, value in found.items())
    raise PrerequisiteMissing(
        f"the state of cluster {context.cluster.name} is that of {whose}",
        hint="look at `state:` in the spec: two clusters must not share a place. Was something renamed, "
        "write the old name again",
        code="KB0534",
    )


async def verify_there(context: Context, outputs: Mapping[str, Any]) -> None:
    """Raise before a removal for the state of another cluster, and where nothing of this one is seen.

    Not when a removal had begun before: then it may be so.
    """
    verify_owner(context, outputs)
    if outputs and not _destroying(context.space).exists():
        await context.provider.drifted(context.cluster, outputs, context.around)


def note_destroy(space: ClusterSpace, buckets: Collection[str], *, leaving: bool) -> set[str]:
    """Note that a removal begins, and which buckets it leaves; return them with those of one before it.

    `buckets` are those in the state. Buckets that stay are taken out of it first, so a removal that failed is
    the last to know them.
    """
    place = _destroying(space)
    before = place.read_text(encoding="utf-8").split() if place.exists() else []
    every = {*before, *buckets} if leaving else {*before} - {*buckets}
    files.write(place, "".join(f"{name}\n" for name in sorted(every)))
    return every


def forget_destroy(space: ClusterSpace) -> None:
    """Note that the cluster is made again."""
    _destroying(space).unlink(missing_ok=True)


def _destroying(space: ClusterSpace) -> Path:
    return space.run / "destroying"


async def made_outputs(context: Context) -> Mapping[str, Any]:
    """Return the outputs of a cluster that must have been made."""
    outputs = await current_outputs(context)
    if not outputs:
        raise PrerequisiteMissing(
            f"cluster {context.cluster.name} has not been made yet",
            hint=f"kbootstrap apply {context.spec.path}",
        )
    return outputs


def refuse(context: Context, nodes: Nodes) -> None:
    """Stop where the nodes' plan was refused, before anything is changed where that is known before."""
    if nodes.plan.refused:
        raise InstallFailed(
            f"cluster {context.cluster.name} cannot be brought to what the spec says",
            diagnostics=nodes.plan.diagnostics,
        )


def state_lost(context: Context, names: Collection[str], others: Collection[str] = ()) -> PrerequisiteMissing:
    """Make the error for machines that carry a cluster, and that the state does not know.

    `others` are nodes that it does know: then only these machines were lost from it.
    """
    return PrerequisiteMissing(
        f"the state of cluster {context.cluster.name} in {context.space.root} does not know "
        f"{', '.join(names)}: the machines exist and carry a cluster's data",
        hint=lost_hint(context.spec.path, sorted(names), others),
        code="KB0612",
    )


def lost_hint(spec: Path, names: Sequence[str], others: Collection[str]) -> str:
    """Return what to do about machines `names` that the state does not know; `others` are those it knows."""
    if others:
        name = names[0]
        return (
            f"if {name} never joined (look with `kubectl get node {name}`), delete its machine and run the "
            f"same command again: `openstack server delete {name}`, for a container `docker rm --force "
            f"--volumes {name}`. Else `kbootstrap adopt {spec}` takes it into the state"
        )
    return (
        f"kbootstrap adopt {spec} takes them into a new state as they are; or put the state back from a "
        f"backup (terraform.tfstate); or give the cluster and its data up: kbootstrap destroy {spec}"
    )


async def fetch_bits(context: Context, nodes: Nodes) -> Mapping[str, LocalFile]:
    """Get the artifacts that the plan stages onto this machine, for every architecture that it needs."""
    run, kubernetes = context.runtime, context.cluster.kubernetes
    found: dict[str, LocalFile] = {}
    with phase(run.emit, "artifacts", context.cluster.name):
        for arch in sorted({facts.arch for facts in nodes.facts.values()}):
            kept = await obtain(
                kubernetes.distribution,
                kubernetes.version,
                arch,
                runner=run.runner,
                mirror=context.cluster.artifacts.mirror,
                pin=context.lock.artifact(kubernetes.distribution, kubernetes.version),
                emit=run.emit,
                env=run.env,
                folder=run.cache,
            )
            found |= _local(kept)
            for wanted in map(built_image, context.additions.images):
                if wanted.archive(arch) in nodes.plan.artifacts:
                    found |= _local(
                        await obtain_image(
                            wanted, arch, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache
                        )
                    )
    return found


async def install(context: Context, nodes: Nodes) -> str | None:
    """Carry the nodes' plan out where it has steps; return a server's admin kubeconfig, if any."""
    if not nodes.plan.steps:
        return nodes.kubeconfig
    run = context.runtime
    bits = await fetch_bits(context, nodes) if nodes.plan.artifacts else {}
    with phase(run.emit, "nodes", context.cluster.name):
        return await converge(
            nodes.plan,
            nodes.wanted,
            nodes.hosts,
            artifacts=bits,
            external=nodes.door,
            redactor=run.redactor,
            emit=run.emit,
            make_secret=partial(context.provider.secret, context.spec, context.cluster, context.around),
        )


def _local(kept: Kept) -> dict[str, LocalFile]:
    return {name: LocalFile(path, kept.sha256[name]) for name, path in kept.paths.items()}


def node_files(context: Context) -> Mapping[str, tuple[NodeFile, ...]]:
    """Return the configuration files of every node, as they are reviewed."""
    names, additions = certificate_names(context.cluster), context.additions
    files = context.distribution.files
    return {node.name: files(context.cluster, node, names, additions) for node in context.nodes}


def keep_kubeconfig(context: Context, text: str, endpoint: Endpoint, *, switch: bool) -> tuple[Path, ...]:
    """Write the cluster's own kubeconfig and merge it into the operator's; return the files that changed."""
    files, name = entries(context)
    write_own_copy(context.space.kubeconfig, text, name, endpoint)
    return merge_into(files, text, name, endpoint, switch=switch)


def entries(context: Context) -> tuple[tuple[Path, ...], str]:
    """Return the operator's kubeconfig files, in kubectl's order, and the name of our entries in them."""
    env = context.runtime.env
    home = Path(env.get("HOME") or Path.home())
    return search_list(env, home), entry_name(context.spec.name, context.cluster.name)
