"""The import of existing resources into a new state: what is found, verified and recorded."""

from __future__ import annotations

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.engine.context import Context
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.providers.capabilities import Adoptable


async def find(context: Context) -> Adoptable:
    """Return the existing resources; raises `PrerequisiteMissing` (KB0895) without provider support."""
    if context.provider.adoption is None:
        raise PrerequisiteMissing(
            f"kbootstrap cannot import machines of the provider {context.provider.name} into a new state",
            hint="restore the state from a backup; or import each resource by hand: in "
            f"{context.space.root}, `tofu import ADDRESS ID`, then `kbootstrap plan {context.spec.path}` "
            "until it shows nothing to create",
            code="KB0895",
        )
    return await context.provider.adoption.find(context.provider_context)


def verify(context: Context, found: Adoptable) -> None:
    """Raise if there are no resources, or if they differ from the spec."""
    if not any(thing.id for thing in found.things):
        raise PrerequisiteMissing(
            f"cluster {context.cluster.name} has no resources to import",
            hint=f"`kbootstrap apply {context.spec.path}` creates the cluster",
            code="KB0896",
        )
    problems = list(found.problems)
    if found.unexpected:
        problems.append(f"the spec does not name {', '.join(found.unexpected)}, which belong to the cluster")
    if problems:
        raise PrerequisiteMissing(
            f"cluster {context.cluster.name} differs from the spec: {'; '.join(problems)}",
            hint="restore the spec and its lock file as they were when the cluster was last changed; "
            "change them after the import",
            code="KB0897",
        )


async def take_as_made(context: Context, tofu: Infrastructure, found: Adoptable) -> None:
    """Let OpenTofu record exactly what the provider found; raises `PrerequisiteMissing` (KB0899)."""
    there = {thing.address: thing.id for thing in found.things}
    planned = await tofu.plan(tofu.planfile)
    if any(change.address not in there for change in planned.changes):  # what is missing is made by `apply`
        planned = await tofu.plan(tofu.planfile, targets=sorted(there))
    wrong = [
        change.address
        for change in planned.changes
        if change.address not in there or (change.kind != "create" and there[change.address])
    ]
    if wrong:
        raise PrerequisiteMissing(
            f"the state of cluster {context.cluster.name} knows {', '.join(wrong)} differently, and "
            "importing the rest would change that",
            hint="restore the spec as it was when the cluster was last changed, or discard the state: move "
            f"{tofu.root}/terraform.tfstate away and run the same command again",
            code="KB0899",
        )
    context.lease.verify()
    await tofu.apply(tofu.planfile)
