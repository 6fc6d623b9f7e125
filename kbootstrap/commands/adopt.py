"""`kbootstrap adopt`: imports existing resources after the state is lost.

Nothing is created, replaced or removed: OpenTofu records as created what the provider found, then the state
gets the IDs of the real resources. An interrupted run is run again: each half looks at what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.events import phase
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.adoption import find, take_as_made, verify
from kbootstrap.engine.context import Context, contexts, locked
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.outputs import verify_owner
from kbootstrap.engine.prepare import prepare
from kbootstrap.engine.spec import choose, read_spec
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
        found = await find(context)
        verify(context, found)
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
            await take_as_made(context, tofu, found)
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
