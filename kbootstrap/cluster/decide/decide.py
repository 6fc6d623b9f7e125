"""Decides which steps follow from facts and the desired state. Pure: no clock, network or randomness."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from kbootstrap.cluster.decide import certificates, pod_network, preflight, refusals, rejoin, upgrade, volumes
from kbootstrap.cluster.decide import host_record as record
from kbootstrap.cluster.decide import removal as removals
from kbootstrap.cluster.decide.membership import Membership, membership
from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.cluster.decide.rotation import ROTATED, Rotation, rotation
from kbootstrap.cluster.state import labels
from kbootstrap.cluster.state.model import INITIAL, ApiFacts, ApiNode, NodeFacts, Wanted, WantedNode
from kbootstrap.cluster.steps.api import GiveSecret, ReconcileNode, WaitKnown
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.files import StageFile, SwapFiles, WriteFile, WriteSecret
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import ForgetNode, Uncordon, WaitReady, WaitWorkloads
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.rotation import ActivateTokens, ForgetTokens
from kbootstrap.cluster.steps.run import Secret
from kbootstrap.cluster.steps.service import EnableService, RestartService, StartService, WaitServing
from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.distros.model import Artifact, NodeFile


def decide(
    wanted: Wanted,
    facts: Mapping[str, NodeFacts],
    api: ApiFacts | None = None,
    *,
    partial: bool = False,
    removal: Removal = NO_REMOVALS,
) -> Plan:
    """Return what must happen so that the nodes are as wanted; an empty plan means that they are.

    The nodes of `removal` leave, by steps of their own. The steps of a replacement machine are decided once
    it exists.

    `api` None means that no API server answers (yet). The plan carries diagnostics instead of raising; a plan
    that is refused has no steps. `partial`: nodes without facts are left out instead of refused, for a look
    at what can be seen; such a plan must not be carried out.
    """
    missing = [n.name for n in wanted.nodes if n.name not in facts and n.name not in removal.replaced]
    if missing and not partial:
        return Plan(wanted.cluster, {}, (_unseen(missing),))
    facts, cleaning = rejoin.cleaned(facts, api)
    found = membership(wanted, facts, [name for name in removal.removed if removal.role(name) == "server"])
    seen = dict(api.nodes) if api else {}
    tokens = rotation(wanted, facts, found.members)
    steps: dict[str, tuple[ConvergeStep, ...]] = {}
    writer = found.initial_server or wanted.servers[0].name
    first = upgrade.first_to_change(wanted, facts, seen)
    problems = [
        *found.diagnostics,
        *refusals.unknown_nodes(wanted, api, removal.names),
        *removals.problems(wanted, removal, api),
        *record.problems(wanted, facts, api),
        *upgrade.problems(wanted, facts, seen, removal),
    ]
    for node in wanted.nodes:
        if node.name in missing or node.name in removal.replaced:
            continue
        one = _Node(
            wanted, node, facts[node.name], seen.get(node.name), found, tokens, api_known=api is not None
        )
        secret = (
            _secret(wanted, node.name, api, new=found.initial_server is not None)
            if node.name == writer
            else ()
        )
        noted = record.steps(wanted, writer, api) if node.name == writer else ()
        mine = (*one.steps(), *secret, *noted)
        if node.name in cleaning:
            mine = (cleaning[node.name], *mine)
        if node.name == first:
            mine = (upgrade.snapshot(node.name, wanted.version), *mine)
        problems += one.problems(mine)
        if mine:
            steps[node.name] = mine
    problems += certificates.problems(facts)
    refused = bool(errors(problems))
    return Plan(
        wanted.cluster,
        {} if refused else steps,
        tuple(problems),
        found.initial_server,
        found.members,
        {} if refused else removals.steps(removal, wanted.distro, facts, api),
    )


class _Node:
    """Decides for one node."""

    def __init__(
        self,
        wanted: Wanted,
        node: WantedNode,
        facts: NodeFacts,
        seen: ApiNode | None,
        found: Membership,
        tokens: Rotation,
        *,
        api_known: bool,
    ) -> None:
        self.wanted, self.node, self.facts, self.seen, self.found = wanted, node, facts, seen, found
        self.tokens = tokens
        self.api_known = api_known
        self.distro = wanted.distro
        self.unit_name = self.distro.unit(node.role)
        self.unit = facts.unit(self.unit_name)
        self.initial = found.initial_server == node.name
        self.member = node.name in found.members
        self.settled = facts.registered or self.unit.started
        """Whether the service has been started before: then versions and fixed settings stay."""

    def problems(self, steps: tuple[ConvergeStep, ...]) -> Iterator[Diagnostic]:
        yield from refusals.foreign(self.wanted, self.facts)
        yield from refusals.restoring(self.facts)
        yield from refusals.role(self.wanted, self.node, self.facts)
        yield from preflight.clock(self.facts)
        yield from volumes.problems(self.node, self.facts)
        yield from pod_network.problems(self.wanted, self.node, self.facts)
        staging = any(isinstance(step, StageFile) for step in steps)
        if staging:
            bundled = self.wanted.bundled.get(self.facts.arch)
            yield from preflight.programs(self.distro, self.node, self.facts, bundled=bundled)
        if self.settled:
            yield from refusals.fixed(self.node, self.facts, self.distro.paths.config)
            yield from refusals.withdrawn(self.wanted, self.node, self.facts)
        else:
            yield from preflight.preflight(self.distro, self.node, self.facts, staging=staging)

    def steps(self) -> Iterator[ConvergeStep]:
        name = self.node.name
        if self.facts.claimed is None:
            yield Claim(node=name, why="nothing of ours is on this machine yet")
        yield from volumes.steps(self.node, self.facts)
        staged = list(self._stage())
        yield from staged
        written = list(self._files())
        yield from written
        if self._stale():
            why = "it is being deleted" if self.settled else "this machine is new"
            yield ForgetNode(node=name, why=f"the cluster has a Node of this name, and {why}")
        elif self.found.members and not self.settled and not self.api_known:
            # Joining under a name that the cluster knows fails, and then the machine no longer looks new.
            yield ForgetNode(
                node=name, why="the API does not answer now; an earlier machine may have left one"
            )
        if self.tokens.leader == name:
            yield ActivateTokens(node=name, why=ROTATED, again=self.tokens.begun)
        secrets = [*self._secrets(), *self._private()]
        yield from secrets
        changed = [*(w.file.path for w in written if self._restarts(w)), *(s.path for s in secrets)]
        aside = tuple(step.artifact for step in staged if step.aside)
        if aside:
            yield SwapFiles(node=name, why=self._version_why(), artifacts=aside, version=self.wanted.version)
            changed.insert(0, self.distro.paths.binary)
        service = list(self._service(changed))
        yield from service
        yield from self._settle(service)

    def _stage(self) -> Iterator[StageFile]:
        for artifact in self.wanted.artifacts.get(self.facts.arch, ()):
            why = self._missing(artifact)
            if why:
                yield StageFile(
                    node=self.node.name,
                    why=why,
                    artifact=artifact,
                    version=self.wanted.version,
                    aside=self.settled and self._installed() not in ("", self.wanted.version),
                )

    def _missing(self, artifact: Artifact) -> str:
        """Return why an artifact must be sent, or nothing when it is in place.

        Another build of the same version is left alone on a node that runs: replacing it would gain nothing.
        """
        there = self.facts.artifacts.get(artifact.path)
        if there is None:
            return "it is not there"
        if not there.intact:
            return "the file on the node is damaged or gone"
        if there.version != self.wanted.version:
            return f"the node has {there.version}"
        local = self.wanted.local.get(artifact.name)
        if local and local.sha256 != there.sha256 and not self.settled:
            return "the file on the node is from another build"
        return ""

    def _installed(self) -> str:
        """Return the version that is in place, empty where there is none."""
        return self.distro.installed(self.facts.versions)

    def _other_version(self) -> bool:
        """Whether the service runs another version than the one that is wanted."""
        return upgrade.other_version(self.wanted, self.facts, self.seen)

    def _version_why(self) -> str:
        return f"the node runs {upgrade.runs(self.wanted, self.facts, self.seen)}"

    def _files(self) -> Iterator[WriteFile]:
        linked = pod_network.files(self.wanted, self.node, self.facts, settled=self.settled)
        for file in (*self.node.files, *linked):
            digest = hashlib.sha256(file.content.encode()).hexdigest()
            if self.facts.files.get(file.path) != digest:
                yield self._write(
                    file, "it differs from the spec" if self._there(file) else "it is not there"
                )
        join = self._join()
        if join:
            yield join

    def _join(self) -> WriteFile | None:
        """Return the join drop-in where it must be written. What a member has joined through is history."""
        have, url = self.facts.join, self._registration()
        if self.initial:
            if have == INITIAL:
                return None
            file, why = (
                self._join_file(initial=True),
                "no server holds the cluster's data; this one initialises the cluster",
            )
        elif self.member:
            if have is not None:
                return None
            alone = len(self.found.members) == 1
            file, why = self._join_file(initial=alone), "it is not there"
        elif have == url:
            return None
        else:
            file, why = self._join_file(initial=False), f"it joins through {url}"
        return self._write(file, why)

    def _join_file(self, *, initial: bool) -> NodeFile:
        return self.distro.join_file(role=self.node.role, initial=initial, registration=self._registration())

    def _registration(self) -> str:
        """Return the URL to join through: another member's where the cluster's leads to this very machine."""
        url, port = self.wanted.registration, self.distro.registration_port
        if self.node.role == "server" and url == f"https://{self.node.address}:{port}":
            members = [node for node in self.wanted.servers if node.name in self.found.members]
            others = [node.address for node in members if node.address not in ("", self.node.address)]
            return f"https://{others[0]}:{port}" if others else url
        return url

    def _write(self, file: NodeFile, why: str) -> WriteFile:
        before = self.facts.texts.get(file.path)
        return WriteFile(node=self.node.name, why=why, file=file, existed=self._there(file), before=before)

    def _there(self, file: NodeFile) -> bool:
        return file.path in self.facts.files

    def _restarts(self, written: WriteFile) -> bool:
        """Return whether a running service must see this file; an agent asks its drop-in where the API is."""
        join = self.distro.paths.join
        return written.file.restart or (written.file.path == join and self.node.role == "agent")

    def _stale(self) -> bool:
        """Whether the Node is an earlier machine's, or on its way out: this one must register another one."""
        return self.seen is not None and (not self.settled or self.seen.deleted)

    def _secrets(self) -> Iterator[WriteSecret]:
        paths = self.distro.paths
        token, agent = self._token_why(), self._agent_token_why()
        if self.node.role == "agent":
            if token:
                yield self._secret("agent", paths.token, token)
            return
        if token:
            yield self._secret("new-server" if self.initial else "server", paths.token, token)
        if agent or (token and not self.member):
            kind: Secret = "new-agent" if self.initial else "raw-agent"
            yield self._secret(kind, paths.agent_token, agent or token)

    def _private(self) -> Iterator[WriteSecret]:
        if self.node.role == "server":
            for path, content in sorted(self.wanted.private.items()):
                if self.facts.files.get(path) != hashlib.sha256(content.encode()).hexdigest():
                    yield self._secret("private", path, "it differs from what the spec refers to")

    def _token_why(self) -> str:
        if self.facts.token == "none":  # noqa: S105 - a form
            return "it is not there"
        if self.initial:
            return "it is of an earlier cluster" if self.facts.token == "full" else ""  # noqa: S105 - a form
        if self._stale_token():
            return ROTATED if self.tokens.pending else "the cluster has another one now"
        if self.member:
            return ""
        if self.facts.token_ca is None:
            return "it does not name the cluster's CA"
        unknown = self.found.cluster_id is None and self.found.members
        return "" if unknown or self.facts.token_ca == self.found.cluster_id else "it is of another cluster"

    def _stale_token(self) -> bool:
        if self.node.role == "agent":
            return self.tokens.stale_agent(self.facts)
        return self.tokens.stale(self.facts, member=self.member)

    def _agent_token_why(self) -> str:
        if not self.facts.agent_token:
            return "it is not there"
        return ROTATED if self.tokens.stale_agents(self.facts, member=self.member) else ""

    def _secret(self, secret: Secret, path: str, why: str) -> WriteSecret:
        return WriteSecret(node=self.node.name, why=why, secret=secret, path=path)

    def _service(self, changed: list[str]) -> Iterator[ConvergeStep]:
        name, unit = self.node.name, self.unit_name
        # Servers that start with the old token fail repeatedly: there is nothing to restart, and they are
        # started together, since one alone has no quorum.
        failing = self.member and self.tokens.pending and self.unit.active != "active"
        if not self.unit.started or failing:
            why = "it has failed" if self.unit.active == "failed" else "it does not run"
            yield StartService(node=name, why=why, unit=unit, behind=failing)
            return
        if changed or self.facts.restart_pending or (self.settled and self._other_version()):
            why = f"{changed[0]} changed" if changed else "configuration changed since it started"
            if self._other_version():
                why = self._version_why()
            yield RestartService(node=name, why=why, unit=unit)
        if not self.unit.enabled:
            yield EnableService(node=name, why="it would not start at the next boot", unit=unit)

    def _settle(self, service: list[ConvergeStep]) -> Iterator[ConvergeStep]:
        """Yield the waiting at the end, and labels and taints."""
        name = self.node.name
        starting = self.unit.active != "active" or any(not isinstance(s, EnableService) for s in service)
        ready = self.seen is not None and self.seen.ready_since(self.unit.since) and not self._stale()
        looping = not service and self.facts.crash_looping(self.unit_name)
        if starting and self.node.role == "server":
            yield WaitServing(
                node=name, why="other nodes join through it", unit=self.unit_name, looping=looping
            )
        if starting or looping or not ready:
            why = "it starts" if starting else self._not_ready()
            yield WaitReady(
                node=name,
                why="its service is crash-looping" if looping else why,
                unit=self.unit_name,
                version=self.wanted.version,
                since=self.unit.since,
                looping=looping,
            )
        if starting and self.settled and self._other_version():
            yield WaitWorkloads(node=name, why="another version replaces pods")
        if self.seen is not None and self.seen.leaving and not self._stale():
            yield Uncordon(node=name, why="it was to be removed, and stays")
        if self.wanted.additions.cloud_controller and (
            self.seen is None or self._stale() or not self.seen.known
        ):
            yield WaitKnown(
                node=name,
                why="it finds the machine in the cloud",
                controller=self.wanted.additions.controller,
            )
        if self._relabel():
            yield ReconcileNode(
                node=name,
                why="they differ from the spec" if self.seen else "the node is new",
                labels=self.node.labels,
                taints=self.node.taints,
            )
        if self.member and self.tokens.unfinished(self.facts):
            yield ForgetTokens(node=name, why="the node has the new ones")

    def _not_ready(self) -> str:
        if not self.api_known:
            return "the Kubernetes API does not answer"
        if self.seen is None:
            return "it is not in the cluster yet"
        if self.seen.ready:
            return "its service was started a moment ago"
        return self.seen.reason or "it is not Ready"

    def _relabel(self) -> bool:
        if self.seen is None or self._stale():
            return bool(self.node.labels or self.node.taints)
        return labels.patch(self.seen, self.node.labels, self.node.taints) is not None


def _secret(wanted: Wanted, writer: str, api: ApiFacts | None, *, new: bool) -> Iterator[ConvergeStep]:
    """Yield the Secret of the infrastructure's programs where it is missing or no longer valid."""
    additions = wanted.additions
    if additions.secret is None or (api is not None and api.mark in wanted.good):
        return
    if api is None:
        why = "the cluster is new" if new else "the API does not answer now; it may be missing"
    else:
        why = "it is not there" if api.mark is None else "its credential is gone, or its settings changed"
    yield GiveSecret(
        node=writer, why=why, secret=additions.secret, readers=additions.readers, good=wanted.good
    )


def _unseen(names: list[str]) -> Diagnostic:
    return Diagnostic(
        "KB0823",
        f"Nothing is known of {', '.join(names)}, so it is unknown whether they carry a cluster's data.",
        "make these machines reachable, or take them out of the spec",
    )
