"""`kbootstrap adopt`: imports existing resources after the state is lost.

Nothing is created, replaced or removed: OpenTofu records as created what the provider found, then the state
gets the IDs of the real resources. An interrupted run is run again: each half looks at what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing, TofuFailed
from kbootstrap.core.events import phase
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts, locked
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.outputs import verify_owner
from kbootstrap.engine.prepare import prepare
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.providers.capabilities import Adoptable
from kbootstrap.tofu.adopted import with_ids


@dataclass(frozen=True, slots=True)
class Adopted:
    """The resources that were imported, and those that the state already had, by name.

    `stateless`: the machines exist by themselves, so that there is no state to lose.
    """

    taken: tuple[str, ...]
    known: tuple[str, ...]
    stateless: bool = False


async def adopt(spec: Path, clusters: Iterable[str], run: Runtime, operator: Operator, *, yes: bool) -> None:
    """Ask, and import the existing resources of the clusters, one after the other."""
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    if not yes:
        operator.must_ask("-y does not ask; only the state is changed")
        names = ", ".join(context.cluster.name for context in chosen)
        await operator.ask(f"Import the existing resources of {names} into the state? [y/N]")
    for context in chosen:
        with locked(context):
            done = await adopt_cluster(context, beginning=operator.begin)
        operator.say(f"Cluster {context.cluster.name}: {_words(done)}")
    operator.say(f"Next: kbootstrap apply {spec}")


def _words(done: Adopted) -> str:
    if done.stateless:
        return "its machines exist already, so it has no state."
    if not done.taken:
        return "the state contains all of its resources already."
    return f"imported into the state: {', '.join(done.taken)}."


async def adopt_cluster(context: Context, *, beginning: Callable[[], None]) -> Adopted:
    """Import the existing resources of a cluster. `beginning` is called before the state changes.

    Raises `PrerequisiteMissing` if there are no resources (KB0896), or if they differ from what
    the spec says (KB0897).
    """
    if context.existing_machines is not None:
        return Adopted((), (), stateless=True)
    run, cluster = context.runtime, context.cluster.name
    with phase(run.emit, "prepare", cluster):
        found = await _find(context)
        _verify(context, found)
        context = replace(context, runtime=replace(run, env={**run.env, **found.environment}))
        tofu = await prepare(context)
        state = await tofu.state()
        verify_owner(context, state.outputs)
        have = state.by_address
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
            state = await tofu.state()
        if text := with_ids(state, wanted):
            await tofu.state_write(text)
            state = await tofu.state()
        if {place: state.by_address.get(place) for place in wanted} != wanted:
            raise TofuFailed(
                f"the state of cluster {cluster} differs from what was written",
                hint="run `kbootstrap adopt` again",
                code="KB0898",
            )
    return Adopted(taken, known)


async def _find(context: Context) -> Adoptable:
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


def _verify(context: Context, found: Adoptable) -> None:
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


async def _take_as_made(context: Context, tofu: Infrastructure, found: Adoptable) -> None:
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
