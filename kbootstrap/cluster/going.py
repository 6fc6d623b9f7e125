"""How nodes leave a cluster: in which steps, and whether etcd keeps its quorum; pure.

A server stops before its Node object is deleted, which is when the others remove it from etcd: so it hands
over what it leads, and nothing that it does can come in between. Where the others may be no majority without
it, as with one of two, it cannot stop first; it must not start again meanwhile, or it would join anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.cluster.model import ApiFacts, ApiNode, NodeFacts, Wanted
from kbootstrap.cluster.steps import Cordon, Drain, ForgetNode, HoldService, Step, StopService, WaitJoined
from kbootstrap.diagnostics import Diagnostic
from kbootstrap.distros.model import Distribution, Role

REMOVED = "the spec does not want it any more"
RENEWED = "its machine is made anew"


@dataclass(frozen=True, slots=True)
class Going:
    """Nodes that go, with their roles. `removed` for good; in place of `renewed` comes a new machine."""

    removed: Mapping[str, Role]
    renewed: Mapping[str, Role]

    @property
    def names(self) -> frozenset[str]:
        """Return all of them."""
        return frozenset({*self.removed, *self.renewed})

    def role(self, name: str) -> Role:
        """Return the role of one of them."""
        return self.removed[name] if name in self.removed else self.renewed[name]


NOBODY = Going({}, {})


def steps(
    going: Going, distro: Distribution, facts: Mapping[str, NodeFacts], api: ApiFacts | None
) -> dict[str, tuple[Step, ...]]:
    """Return the steps by which each node leaves; none for a machine on which nothing is left to do."""
    seen = api.nodes if api else {}
    # What the API tells of members is some seconds old: who has data, or will be a voter, may be one.
    members = {name for name, node in seen.items() if node.etcd is not None}
    members |= {name for name, one in facts.items() if one.etcd and name in seen}
    well = {name for name, node in seen.items() if node.etcd and node.ready}
    found: dict[str, tuple[Step, ...]] = {}
    for name in (*going.removed, *going.renewed):
        unit = distro.unit(going.role(name))
        first = going.role(name) == "agent" or len(well - {name}) >= _majority(len(members))
        found[name] = tuple(
            _steps(
                going,
                name,
                unit,
                facts.get(name),
                seen.get(name),
                stop_first=first,
                api_known=api is not None,
            )
        )
        if name in going.removed:
            members.discard(name)
            well.discard(name)
    return found


def _steps(
    going: Going,
    name: str,
    unit: str,
    facts: NodeFacts | None,
    seen: ApiNode | None,
    *,
    stop_first: bool,
    api_known: bool,
) -> Iterator[Step]:
    why = REMOVED if name in going.removed else RENEWED
    runs = facts is not None and facts.unit(unit).started
    if seen is None:
        if runs and going.role(name) == "server" and facts is not None and not facts.left and api_known:
            # Stopped now, it would stay a member for ever, and the others might be no majority.
            yield WaitJoined(node=name, why="a server leaves etcd with its Node, and has none yet")
            yield HoldService(node=name, why="it must not join again", unit=unit)
            yield ForgetNode(node=name, why=why, member=True)
        if runs:
            yield StopService(node=name, why=why, unit=unit)
        if runs and going.role(name) == "agent" and api_known:
            yield ForgetNode(node=name, why="it may have joined at the last moment")
        return
    yield Cordon(node=name, why=why)
    if seen.ready and runs:  # nobody ends the pods of a node that is dead; they are forgotten with it
        yield Drain(node=name, why=why)
    if runs and stop_first:
        yield StopService(node=name, why=why, unit=unit)
    elif runs:
        yield HoldService(node=name, why="it must not join again", unit=unit)
    yield ForgetNode(node=name, why=why, member=facts is not None and facts.etcd)
    if runs and not stop_first:
        yield StopService(node=name, why=why, unit=unit)


def problems(wanted: Wanted, going: Going, api: ApiFacts | None) -> Iterator[Diagnostic]:
    """Yield why these nodes must not go."""
    if not going.names:
        return
    if api is None:
        yield Diagnostic(
            "KB0853",
            "Nodes cannot leave a cluster whose API is silent",
            f"{_list(going.names)} should go, and the Kubernetes API of {wanted.cluster} does not answer: "
            "nobody can move the pods, and nobody knows which servers carry the data.",
            "make the cluster well first: kbootstrap status shows how it is; apply with the nodes as they "
            "were starts what is stopped",
        )
        return
    members = {name: node.ready for name, node in api.nodes.items() if node.etcd}
    leaving = sorted(
        (n for n in going.names if n in members), key=lambda n: (members[n], n in going.renewed, n)
    )
    yield from _quorum(members, leaving, going.renewed)


def _quorum(
    members: Mapping[str, bool], leaving: Collection[str], renewed: Collection[str]
) -> Iterator[Diagnostic]:
    """Go through the removals one by one, as they will be done; etcd needs a majority at every moment.

    Removing a member is itself a change that the majority of all members, with this one, must agree to (etcd,
    "Runtime reconfiguration").
    """
    left = dict(members)
    for name in leaving:
        count, well = len(left), sum(left.values())
        after_count, after_well = count - 1, well - left[name]
        if after_count == 0:
            yield Diagnostic(
                "KB0854",
                "The only member of etcd cannot go",
                f"{name} is the only server with the cluster's data, which would be lost with it.",
                "grow the control plane to 3 servers first (`control_plane.nodes: 3`), apply, and change its "
                "machines then, one by one; or save a snapshot, destroy, apply, and restore it",
            )
            return
        if well < _majority(count) or after_well < _majority(after_count):
            yield Diagnostic(
                "KB0855",
                "etcd would lose its quorum",
                f"etcd has {count} members, {well} of them well. Without {name} there would be {after_well} "
                f"of {after_count}, and {_majority(after_count)} are needed.",
                "make the other servers well first: kbootstrap status shows which are not",
            )
            return
        del left[name]
        if name in renewed:
            left[name] = True


def _majority(members: int) -> int:
    return members // 2 + 1


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
