"""Reads the outputs of a cluster's infrastructure, and verifies that they are this cluster's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.engine.context import Context
from kbootstrap.engine.destroy_record import destroy_record
from kbootstrap.engine.prepare import prepare
from kbootstrap.render.address import node as node_of
from kbootstrap.tofu.state import State


async def current_outputs(context: Context) -> Mapping[str, Any]:
    """Return the outputs, empty for a cluster that was never created; raises if its state was lost."""
    state = await (await prepare(context, creating=False)).state()
    verify_owner(context, state.outputs)
    if not state.outputs:
        known = machines_in(context, state)  # a run ended before OpenTofu wrote the outputs
        names = [node.name for node in context.nodes if node.name not in known]
        unprovisioned = await context.unprovisioned(names) if names else frozenset()
        if lost := [name for name in names if name not in unprovisioned]:
            raise state_lost(context, lost)
    return state.outputs


def known_nodes(state: State) -> Mapping[str, Any]:
    """Return the nodes of the outputs in a state."""
    nodes: Mapping[str, Any] = state.outputs.get("kbootstrap", {}).get("nodes", {})
    return nodes


def machines_in(context: Context, state: State) -> Mapping[str, str]:
    """Return the HCL addresses of the machines in a state, by node."""
    traits, cluster = context.provider.traits.resources, context.cluster.name
    return {
        name: address
        for address in state.by_address
        if traits.is_machine(address) and (name := node_of(address, cluster))
    }


async def missing_resources(context: Context, outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the HCL addresses of wanted resources that were deleted outside of kbootstrap, with reasons."""
    if not outputs:
        return {}
    states = (await context.provider.inspect(context.provider_context, outputs=outputs)).values()
    found = {address: state.gone for state in states for address in state.replace}
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
        f"the state of cluster {context.cluster.name} belongs to {whose}",
        hint="look at `state:` in the spec: two clusters must not share one. If something was renamed, "
        "restore the old name",
        code="KB0534",
    )


async def verify_there(context: Context, outputs: Mapping[str, Any]) -> None:
    """Raise, before a removal, if the state is of another cluster, or no resource of this one is found.

    Not when a removal had begun before: then it may be so.
    """
    verify_owner(context, outputs)
    if outputs and not destroy_record(context.space).exists():
        await context.provider.inspect(context.provider_context, outputs=outputs)


async def made_outputs(context: Context) -> Mapping[str, Any]:
    """Return the outputs of a cluster; raises if it was never created."""
    outputs = await current_outputs(context)
    if not outputs:
        raise PrerequisiteMissing(
            f"cluster {context.cluster.name} has not been created yet",
            hint=f"kbootstrap apply {context.spec.path}",
        )
    return outputs


def state_lost(context: Context, names: Collection[str], others: Collection[str] = ()) -> PrerequisiteMissing:
    """Return the error for machines with a cluster's data that are not in the state.

    `others` are nodes that it does know: then only these machines were lost from it.
    """
    return PrerequisiteMissing(
        f"the state of cluster {context.cluster.name} in {context.space.root} does not know "
        f"{', '.join(names)}: the machines exist and have a cluster's data",
        hint=lost_hint(context.spec.path, sorted(names), others, context.provider.traits.delete_machine),
        code="KB0612",
    )


def lost_hint(spec: Path, names: Sequence[str], others: Collection[str], delete: str) -> str:
    """Return a hint for machines `names` that are not in the state; `others` are in the state.

    `delete` is the provider's command line that deletes the machine `{name}`.
    """
    if others:
        name = names[0]
        by = f": `{delete.format(name=name)}`" if delete else ""
        return (
            f"if {name} never joined (look with `kubectl get node {name}`), delete its machine and run the "
            f"same command again{by}. Otherwise `kbootstrap adopt {spec}` imports it into the state"
        )
    return (
        f"kbootstrap adopt {spec} imports them into a new state; or restore the state from a backup "
        f"(terraform.tfstate); or remove the cluster with its data: kbootstrap destroy {spec}"
    )
