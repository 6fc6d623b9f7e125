"""What exists of a cluster comes into a new state, when the one that knew it is lost.

Nothing is made, replaced or removed: OpenTofu takes as made what the provider found, then the state's IDs
are made those that the things carry. A run that is cut is run again: each half looks at what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kbootstrap.core.errors import PrerequisiteMissing, TofuFailed
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.prepare import PLAN_FILE, prepare, verify_owner
from kbootstrap.providers.model import Adoption
from kbootstrap.tofu.adopted import ids, with_ids


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came into the state: names of things, and those that the state knew already.

    `stateless`: the machines exist by themselves, so that there is no state to lose.
    """

    taken: tuple[str, ...]
    known: tuple[str, ...]
    stateless: bool = False


async def adopt(context: Context, *, beginning: Callable[[], None]) -> Adopted:
    """Take what exists of a cluster into its state. `beginning` is called before the state changes.

    Raises `PrerequisiteMissing` where there is nothing to take (KB0896), or where what is there is not what
    the spec says (KB0897).
    """
    if context.given is not None:
        return Adopted((), (), stateless=True)
    run, cluster = context.runtime, context.cluster.name
    with phase(run.emit, "prepare", cluster):
        found = await context.provider.adoption(context.spec, context.cluster, context.nodes, context.around)
        _verify(context, found)
        context = replace(context, runtime=replace(run, env={**run.env, **found.environment}))
        tofu = await prepare(context)
        verify_owner(context, await tofu.outputs())
        have = ids(await tofu.state_text())
    wanted = {thing.address: thing.id for thing in found.things if thing.id}
    names = {thing.address: thing.name for thing in found.things}
    taken = tuple(names[place] for place, mark in wanted.items() if have.get(place) != mark)
    known = tuple(names[place] for place, mark in wanted.items() if have.get(place) == mark)
    if not taken:
        return Adopted((), known)
    beginning()
    context.space.start()
    with phase(run.emit, "adopt", cluster):
        if any(place not in have for place in wanted):
            await _take_as_made(context, tofu, found)
        state = with_ids(await tofu.state_text(), wanted)
        if state:
            await tofu.state_write(state)
        left = {place: mark for place, mark in ids(await tofu.state_text()).items() if place in wanted}
        if left != wanted:
            raise TofuFailed(
                f"the state of cluster {cluster} does not have what was written into it",
                hint="run `kbootstrap adopt` again",
                code="KB0898",
            )
    return Adopted(taken, known)


def _verify(context: Context, found: Adoption) -> None:
    """Raise where there is nothing, or where the state would say what is not so."""
    if not any(thing.id for thing in found.things):
        raise PrerequisiteMissing(
            f"there is nothing of cluster {context.cluster.name} that could be taken into a state",
            hint=f"`kbootstrap apply {context.spec.path}` makes the cluster",
            code="KB0896",
        )
    problems = list(found.problems)
    if found.strangers:
        problems.append(f"the spec does not name {', '.join(found.strangers)}, which belong to the cluster")
    if problems:
        raise PrerequisiteMissing(
            f"cluster {context.cluster.name} is not what the spec says: {'; '.join(problems)}",
            hint="write the spec, and its lock file, as they were when the cluster was changed last; change "
            "them once the cluster is known again",
            code="KB0897",
        )


async def _take_as_made(context: Context, tofu: Infrastructure, found: Adoption) -> None:
    """Let OpenTofu note what the provider found, and nothing else; raises `PrerequisiteMissing` (KB0899)."""
    there = {thing.address: thing.id for thing in found.things}
    planned = await tofu.plan(tofu.root / PLAN_FILE)
    if any(change.address not in there for change in planned.changes):  # what is missing is made by `apply`
        planned = await tofu.plan(tofu.root / PLAN_FILE, targets=sorted(there))
    wrong = [
        change.address
        for change in planned.changes
        if change.address not in there or (change.kind != "create" and there[change.address])
    ]
    if wrong:
        raise PrerequisiteMissing(
            f"the state of cluster {context.cluster.name} knows {', '.join(wrong)} otherwise, and taking the "
            "rest in would change that",
            hint="write the spec as it was when the cluster was changed last, or give the state up: move "
            f"{tofu.root}/terraform.tfstate away and run the same command again",
            code="KB0899",
        )
    context.lease.verify()
    await tofu.apply(tofu.root / PLAN_FILE)
