"""The changes of a plan as data, read from `show -json`.

Format: "JSON Output Format" in the documentation of OpenTofu (`resource_changes`, `replace_paths`,
`action_reason`). Only names of attributes are kept, never their values: they can be secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.render.address import node, prefixes
from kbootstrap.render.provenance import Provenance
from kbootstrap.render.traits import NO_TRAITS, ResourceTraits, Role, SpecKey

Kind = Literal["create", "update", "replace", "delete", "forget", "no-op"]


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One changed resource of a plan.

    `because` names the attributes that force a replacement; `reason` is tofu's own word where it gives one
    (`replace_by_request`, `replace_because_tainted`, `delete_because_no_resource_config`, …). `node` is the
    node that the resource belongs to, `spec` the place in the spec that caused the resource. `changed` names
    the attributes that differ, for what is changed in place, `smaller` those of them that are numbers and get
    smaller, `disruptive` those that stop the machine. `role` is what the resource is to the cluster, `keys`
    are the keys of the spec that may have caused the change.
    """

    address: str
    type: str
    kind: Kind
    actions: tuple[str, ...]
    node: str | None
    because: tuple[str, ...]
    reason: str | None
    spec: SpecPath | None
    changed: tuple[str, ...] = ()
    smaller: tuple[str, ...] = ()
    role: Role | None = None
    disruptive: tuple[str, ...] = ()
    keys: tuple[SpecKey, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan: `changes` without no-ops; `drift` has changes outside of OpenTofu since the last run.

    Only drift that the plan would undo: clouds fill in much by themselves (members of groups, ports in use),
    and a change that is not reverted needs no attention.
    """

    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    outputs: tuple[str, ...]
    """Outputs that get another value."""
    moves: tuple[tuple[str, str], ...] = ()
    """Modules that get another address in the state, from and to: what is in them stays as it is."""

    @property
    def empty(self) -> bool:
        """Whether applying the plan would change nothing."""
        return not self.changes and not self.outputs and not self.moves

    @property
    def counts(self) -> Mapping[Kind, int]:
        """The number of resources by kind of change, without zero values."""
        return Counter(change.kind for change in self.changes)

    def of(self, *kinds: Kind) -> tuple[ResourceChange, ...]:
        """Return the changes of these kinds."""
        return tuple(change for change in self.changes if change.kind in kinds)


def summarise(
    shown: Mapping[str, Any], cluster: str, provenance: Provenance, traits: ResourceTraits = NO_TRAITS
) -> PlanSummary:
    """Read the JSON of a plan (`show -json`); `traits` are those of the provider's resources."""

    def read(name: str) -> tuple[ResourceChange, ...]:
        found = (_change(item, cluster, provenance, traits) for item in shown.get(name) or ())
        return tuple(sorted((c for c in found if c.kind != "no-op"), key=lambda c: c.address))

    outputs = shown.get("output_changes") or {}
    changed = sorted(name for name, change in outputs.items() if change["actions"] != ["no-op"])
    changes = read("resource_changes")
    undone = {change.address for change in changes}
    drift = tuple(change for change in read("resource_drift") if change.address in undone)
    return PlanSummary(changes, drift, tuple(changed), _moves(shown.get("resource_changes") or ()))


def _moves(items: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return the moved addresses, each module once."""
    found = set()
    for item in items:
        old, new = item.get("previous_address"), item["address"]
        if old and old != new:
            olds, news = list(prefixes(old)), list(prefixes(new))
            same = [a for a, b in zip(olds, news, strict=False) if old[len(a) :] == new[len(b) :]]
            found.add((same[-1], new[: len(new) - len(old) + len(same[-1])]))
    return tuple(sorted(found))


def judged(change: ResourceChange, traits: ResourceTraits) -> ResourceChange:
    """Return a change with what the traits say about it."""
    return replace(
        change,
        role=traits.role(change.address),
        disruptive=traits.disruptive_changes(change.address, change.changed),
        keys=traits.keys_of((*change.because, *change.changed)),
    )


def _change(
    item: Mapping[str, Any], cluster: str, provenance: Provenance, traits: ResourceTraits
) -> ResourceChange:
    change = item["change"]
    address: str = item["address"]
    changed = _differing(change.get("before"), change.get("after"))
    found = ResourceChange(
        address=address,
        type=item["type"],
        kind=_kind(change["actions"]),
        actions=tuple(change["actions"]),
        node=node(address, cluster),
        because=_because(change),
        reason=item.get("action_reason"),
        spec=provenance.path(address),
        changed=tuple(changed),
        smaller=tuple(name for name in changed if _shrinks(change, name)),
    )
    return judged(found, traits)


def _kind(actions: Sequence[str]) -> Kind:
    match sorted(actions):
        case ["create", "delete"] | ["create", "forget"]:
            return "replace"
        case ["create"]:
            return "create"
        case ["update"]:
            return "update"
        case ["delete"]:
            return "delete"
        case ["forget"]:
            return "forget"
    return "no-op"  # "no-op", and "read" of data sources


def _because(change: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the attributes that force a replacement, down to the differing keys of an object."""
    found: list[str] = []
    for path in change.get("replace_paths") or ():
        name = ".".join(str(part) for part in path)
        before, after = _at(change.get("before"), path), _at(change.get("after"), path)
        found += [f"{name}.{key}" for key in _differing(before, after)] or [name]
    return tuple(dict.fromkeys(found))


def _differing(before: object, after: object) -> list[str]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return []
    missing = object()
    return sorted(k for k in {*before, *after} if before.get(k, missing) != after.get(k, missing))


def _shrinks(change: Mapping[str, Any], name: str) -> bool:
    before, after = change["before"].get(name), change["after"].get(name)
    return isinstance(before, int | float) and isinstance(after, int | float) and after < before


def _at(value: Any, path: Sequence[str | int]) -> Any:  # noqa: ANN401 (JSON)
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value
