from __future__ import annotations

from dataclasses import replace

from kbootstrap.cluster.steps.api import ReconcileNode
from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.removal import UninstallMachine
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.distros.model import NodeFile, Role
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.model import PlanDocument
from kbootstrap.plans.words import headline, version_text
from kbootstrap.providers import find as provider
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange, judged

ROLES: dict[str, Role] = {"c-control-plane-1": "server", "c-web-1": "agent"}
SECRET = "correct-horse-battery"
TOKEN = "K10" + 64 * "a" + "::server:swordfish"


def machine(node: str, kind: Kind) -> ResourceChange:
    address = f'module.pool.terraform_data.node["{node}"]'
    found = ResourceChange(address, "terraform_data", kind, (), node, (), None, None)
    return judged(found, provider("local").traits.resources)


def found(*changes: ResourceChange, **fields: object) -> ClusterFindings:
    base = ClusterFindings(
        cluster="c", infrastructure=PlanSummary(changes, (), ()), before=ROLES, after=ROLES
    )
    return replace(base, **fields)  # type: ignore[arg-type] # by name


def test_servers_that_carry_the_cluster_are_precious() -> None:
    changes = (machine("c-control-plane-1", "replace"), machine("c-web-1", "delete"))
    assert entry(found(*changes), str).servers_lost == ("c-control-plane-1",)
    assert entry(found(*changes, unprovisioned=frozenset(ROLES)), str).servers_lost == ()
    gone = {changes[0].address: "no container"}
    lost = entry(found(*changes, unprovisioned=frozenset(ROLES), gone=gone), str)
    assert lost.servers_lost == ("c-control-plane-1",), "gone is not unprovisioned: its data is lost"
    assert "a new, empty cluster is created" in lost.changes[1].effects[1]


def test_servers_that_leave_machines_that_stay_are_precious_too() -> None:
    left = {name: (UninstallMachine(node=name, why="x"),) for name in ROLES}
    steps = Plan("c", {}, leaving={**left, "c-control-plane-2": ()})
    shown = entry(found(steps=steps, before={**ROLES, "c-control-plane-2": "server"}), str)
    assert shown.servers_lost == ("c-control-plane-1",)


def test_secrets_are_masked() -> None:
    redactor = Redactor()
    redactor.add(SECRET)
    file = NodeFile("/etc/x", f"password: {SECRET}\n", 0o600)
    step = WriteFile(node="c-web-1", why=SECRET, file=file, existed=True, before=f"token: {TOKEN}\n")
    plan = found(steps=Plan("c", {"c-web-1": (step,)}), unseen=SECRET)
    text = repr(entry(plan, redactor.clean))
    assert SECRET not in text
    assert "swordfish" not in text
    assert MASK in text


def test_steps_of_a_leaving_machine_do_not_count() -> None:
    step = WriteFile(node="c-web-1", why="x", file=NodeFile("/etc/x", "a", 0o600))
    plan = found(machine("c-web-1", "replace"), steps=Plan("c", {"c-web-1": (step,)}), new=("c-web-1",))
    assert entry(plan, str).nodes == ()
    assert entry(plan, str).install == ("c-web-1",)


def test_headlines() -> None:
    def headline_of(*plans: ClusterFindings) -> str:
        return headline(PlanDocument("x", tuple(entry(plan, str) for plan in plans)))

    one = found(machine("c-web-1", "replace"))
    assert headline_of(found()) == "Nothing to do: the clusters match the spec"
    assert headline_of(one, found()) == "1 cluster changes, 1 machine is replaced"
    two = found(machine("c-web-1", "delete"), machine("c-web-2", "delete"), machine("c-web-3", "create"))
    assert headline_of(one, two) == (
        "2 clusters change, 2 machines are removed, 1 machine is replaced, 1 machine is added"
    )
    assert (
        headline_of(found(unseen="x")) == "1 cluster changes, the nodes of 1 cluster could not be inspected"
    )


def test_versions() -> None:
    assert version_text(entry(found(version="v2", versions=("v1",)), str)) == "v1 → v2"
    assert version_text(entry(found(version="v2", versions=("v1", "v2")), str)) == "v1, v2 → v2"
    assert version_text(entry(found(version="v2", versions=("v2",)), str)) == "v2"
    assert version_text(entry(found(version="v2", before={}), str)) == "none → v2"


def test_labels_come_last() -> None:
    label = ReconcileNode(node="c-control-plane-1", why="x", labels={}, taints=())
    file = WriteFile(node="c-web-1", why="x", file=NodeFile("/etc/x", "a", 0o600))
    both = {"c-control-plane-1": (label,), "c-web-1": (file, label)}
    assert [node.node for node in entry(found(steps=Plan("c", both)), str).nodes] == [
        "c-web-1",
        "c-control-plane-1",
    ]
