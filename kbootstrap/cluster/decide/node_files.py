"""Decides which files of configuration are written on a node, and how it joins the cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from kbootstrap.cluster.decide import autoscaler_pods, host_updates, pod_network
from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.state.node_facts import INITIAL
from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.distros import outside
from kbootstrap.distros.model import NodeFile

_NOTHING = hashlib.sha256(outside.NOTHING.encode()).hexdigest()


def steps(case: NodeCase) -> Iterator[WriteFile]:
    """Yield a step for each file that is missing or differs."""
    linked = pod_network.files(case.desired, case.node, case.facts, settled=case.settled)
    own = host_updates.files(case.desired.maintenance, case.facts)
    for file in (*case.node.files, *linked, *own):
        digest = hashlib.sha256(file.content.encode()).hexdigest()
        if case.facts.files.get(file.path) != digest:
            yield _write(case, file, "it differs from the spec" if case.has(file) else "it is not there")
    yield from _emptied(case)
    join = _join(case)
    if join:
        yield join


def _emptied(case: NodeCase) -> Iterator[WriteFile]:
    """Yield a step for each file about registries, proxy or autoscaler that the spec no longer has.

    It is emptied, not deleted: the stamp then still names it, and the service reads nothing from it. Servers
    delete the objects that a manifest no longer has; when a manifest is deleted, its objects stay.
    """
    named = {file.path for file in case.node.files} | case.desired.secret_paths
    for path, digest in sorted(case.facts.files.items()):
        manifest = path == autoscaler_pods.manifest(case.distro)
        ours = manifest or outside.owned(case.distro, path)
        if path not in named and ours and digest != _NOTHING:
            empty = NodeFile(path, outside.NOTHING, 0o600, restart=not manifest)
            yield _write(case, empty, "the spec no longer has it")
    yield from _without_maintenance(case)


def _without_maintenance(case: NodeCase) -> Iterator[WriteFile]:
    """Yield the step that empties the settings of the package manager when `maintenance` leaves the spec."""
    path = host_updates.SETTINGS
    if case.desired.maintenance is None and case.facts.files.get(path, _NOTHING) != _NOTHING:
        file = NodeFile(path, outside.NOTHING, host_updates.MODE, restart=False)
        yield _write(case, file, "the spec no longer has maintenance")


def restarts(case: NodeCase, written: WriteFile) -> bool:
    """Return whether this file requires a restart; an agent reads the API's address from its drop-in."""
    join = case.distro.paths.join
    return written.file.restart or (written.file.path == join and case.node.role == "agent")


def _join(case: NodeCase) -> WriteFile | None:
    """Return the step for the join drop-in, if needed. A member does not use its URL any more."""
    have, url = case.facts.join, _registration(case)
    if case.initial:
        if have == INITIAL:
            return None
        file, why = (
            _join_file(case, initial=True),
            "no server holds the cluster's data; this one initialises the cluster",
        )
    elif case.member:
        if have is not None:
            return None
        alone = len(case.found.members) == 1
        file, why = _join_file(case, initial=alone), "it is not there"
    elif have == url:
        return None
    else:
        file, why = _join_file(case, initial=False), f"it joins through {url}"
    return _write(case, file, why)


def _join_file(case: NodeCase, *, initial: bool) -> NodeFile:
    return case.distro.join_file(role=case.node.role, initial=initial, registration=_registration(case))


def _registration(case: NodeCase) -> str:
    """Return the URL to join through.

    Servers of a new cluster join through the one that initialises it: a load balancer may not forward to it
    yet. Otherwise another member's URL, if the cluster's is the address of this machine.
    """
    url, port = case.desired.registration, case.distro.registration_port
    if case.node.role != "server":
        return url
    initial = [node for node in case.desired.servers if node.name == case.found.initial_server]
    members = [node for node in case.desired.servers if node.name in case.found.members]
    if not initial and url != f"https://{case.node.address}:{port}":
        return url
    others = [node.address for node in (initial or members) if node.address not in ("", case.node.address)]
    return f"https://{others[0]}:{port}" if others else url


def _write(case: NodeCase, file: NodeFile, why: str) -> WriteFile:
    before = case.facts.texts.get(file.path)
    return WriteFile(node=case.node.name, why=why, file=file, existed=case.has(file), before=before)
