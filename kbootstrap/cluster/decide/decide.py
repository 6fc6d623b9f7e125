"""Decides which steps follow from facts and the desired state. Pure: no clock, network or randomness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kbootstrap.cluster.decide import autoscaler_pods, certificates, node_steps, refusals, rejoin, upgrade
from kbootstrap.cluster.decide import host_record as record
from kbootstrap.cluster.decide import removal as removals
from kbootstrap.cluster.decide.membership import membership
from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.cluster.decide.rotation import rotation
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.api import GiveSecret
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.diagnostics import Diagnostic, errors


def decide(
    desired: DesiredCluster,
    facts: Mapping[str, NodeFacts],
    api: ApiFacts | None = None,
    *,
    partial: bool = False,
    removal: Removal = NO_REMOVALS,
) -> Plan:
    """Return the steps that make the nodes as desired; an empty plan means that they already are.

    The nodes of `removal` leave, by steps of their own. The steps of a replacement machine are decided once
    it exists.

    `api` None means that no API server answers (yet). The plan carries diagnostics instead of raising; a plan
    that is refused has no steps. `partial`: nodes without facts are left out instead of refused, for a look
    at what can be seen; such a plan must not be carried out.
    """
    missing = [n.name for n in desired.nodes if n.name not in facts and n.name not in removal.replaced]
    if missing and not partial:
        return Plan(desired.cluster, {}, (_unseen(missing),))
    facts, cleaning = rejoin.cleaned(facts, api)
    found = membership(desired, facts, [name for name in removal.removed if removal.role(name) == "server"])
    seen = dict(api.nodes) if api else {}
    tokens = rotation(desired, facts, found.members)
    steps: dict[str, tuple[ConvergeStep, ...]] = {}
    writer = found.initial_server or desired.servers[0].name
    first = upgrade.first_to_change(desired, facts, seen)
    problems = [
        *found.diagnostics,
        *refusals.unknown_nodes(desired, api, removal.names | removal.passing),
        *removals.problems(desired, removal, api),
        *record.problems(desired, facts, api),
        *upgrade.problems(desired, facts, seen, removal),
    ]
    for node in desired.nodes:
        if node.name in missing or node.name in removal.replaced:
            continue
        case = NodeCase(
            desired, node, facts[node.name], seen.get(node.name), found, tokens, api_known=api is not None
        )
        secret = (
            _secret(desired, node.name, api, new=found.initial_server is not None)
            if node.name == writer
            else ()
        )
        pods = (
            autoscaler_pods.secrets(
                desired,
                writer,
                facts,
                api,
                tokens,
                new=found.initial_server is not None,
                elastic=removal.elastic,
            )
            if node.name == writer
            else ()
        )
        noted = record.steps(desired, writer, api) if node.name == writer else ()
        mine = (*node_steps.steps(case), *secret, *pods, *noted)
        if node.name in cleaning:
            mine = (cleaning[node.name], *mine)
        if node.name == first:
            mine = (upgrade.snapshot(node.name, desired.version), *mine)
        problems += node_steps.problems(case, mine)
        if mine:
            steps[node.name] = mine
    problems += certificates.problems(facts)
    refused = bool(errors(problems))
    return Plan(
        desired.cluster,
        {} if refused else steps,
        tuple(problems),
        found.initial_server,
        found.members,
        {} if refused else removals.steps(removal, desired.distro, facts, api),
    )


def _secret(
    desired: DesiredCluster, writer: str, api: ApiFacts | None, *, new: bool
) -> Iterator[ConvergeStep]:
    """Yield the step that writes the Secret of the infrastructure's programs, if it is missing or invalid."""
    additions = desired.additions
    if additions.secret is None or (api is not None and api.mark in desired.good):
        return
    if api is None:
        why = "the cluster is new" if new else "the API does not answer now; it may be missing"
    else:
        why = "it is not there" if api.mark is None else "its credential is gone, or its settings changed"
    yield GiveSecret(
        node=writer, why=why, secret=additions.secret, readers=additions.readers, good=desired.good
    )


def _unseen(names: list[str]) -> Diagnostic:
    return Diagnostic(
        "KB0823",
        f"Nothing is known of {', '.join(names)}, so it is unknown whether they carry a cluster's data.",
        "make these machines reachable, or remove them from the spec",
    )
