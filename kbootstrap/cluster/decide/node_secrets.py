"""Decides which tokens and other secrets are written on a node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.decide.rotation import ROTATED
from kbootstrap.cluster.steps.files import WriteSecret
from kbootstrap.cluster.steps.run import Secret


def tokens(case: NodeCase) -> Iterator[WriteSecret]:
    """Yield a step for each token that is missing or invalid."""
    paths = case.distro.paths
    token, agent = _token_why(case), _agent_token_why(case)
    if case.node.role == "agent":
        if token:
            yield _secret(case, "agent", paths.token, token)
        return
    if token:
        yield _secret(case, "new-server" if case.initial else "server", paths.token, token)
    if agent or (token and not case.member):
        kind: Secret = "new-agent" if case.initial else "raw-agent"
        yield _secret(case, kind, paths.agent_token, agent or token)


def private(case: NodeCase) -> Iterator[WriteSecret]:
    """Yield a step for each file with a secret of the spec that is missing or differs."""
    files = {**case.desired.common, **(case.desired.private if case.node.role == "server" else {})}
    for path, content in sorted(files.items()):
        if case.facts.files.get(path) != hashlib.sha256(content.encode()).hexdigest():
            yield _secret(case, "private", path, "it differs from what the spec refers to")


def _token_why(case: NodeCase) -> str:
    if case.facts.token == "none":  # noqa: S105 - a form
        return "it is not there"
    if case.initial:
        return "it is of an earlier cluster" if case.facts.token == "full" else ""  # noqa: S105 - a form
    if _stale_token(case):
        return ROTATED if case.tokens.pending else "the cluster has another one now"
    if case.member:
        return ""
    if case.facts.token_ca is None:
        return "it does not name the cluster's CA"
    unknown = case.found.cluster_id is None and case.found.members
    return "" if unknown or case.facts.token_ca == case.found.cluster_id else "it is of another cluster"


def _stale_token(case: NodeCase) -> bool:
    if case.node.role == "agent":
        return case.tokens.stale_agent(case.facts)
    return case.tokens.stale(case.facts, member=case.member)


def _agent_token_why(case: NodeCase) -> str:
    if not case.facts.agent_token:
        return "it is not there"
    return ROTATED if case.tokens.stale_agents(case.facts, member=case.member) else ""


def _secret(case: NodeCase, secret: Secret, path: str, why: str) -> WriteSecret:
    return WriteSecret(node=case.node.name, why=why, secret=secret, path=path)
