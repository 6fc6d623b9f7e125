from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import PlanMoved, WrongUsage
from kbootstrap.plans.agreed import Agreed, changed_names, digests, moved
from kbootstrap.plans.saved import MANIFEST, Saved, SavedCluster, read, recognised, write
from tests.views.samples import PLANS

STEPS = PLANS[1].steps
SAVED = Saved(
    spec="specs/dev.yaml",
    version="1",
    headline="1 cluster changes",
    sources={"spec": "a", "lock file": "b"},
    rendered={"dev/network.tf": "c"},
    clusters=(
        SavedCluster(
            name="dev",
            state="id/3",
            gone=("module.x",),
            steps={"dev-web-1": "d"},
            new=("dev-web-2",),
            known=True,
            plan=b"PK\x03\x04 tofu's own",
        ),
        SavedCluster(name="test", state="", gone=(), steps={}, new=(), known=False, plan=None),
    ),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    write(path, SAVED)
    assert read(path) == SAVED
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_spec_is_not_a_plan(tmp_path: Path) -> None:
    write(tmp_path / "dev.yaml", SAVED)
    assert recognised(tmp_path / "dev.yaml"), "the name does not count"
    (tmp_path / "plan").write_text("apiVersion: kbootstrap/v1alpha1\n")
    assert not recognised(tmp_path / "plan")
    assert not recognised(tmp_path / "missing")
    assert not recognised(tmp_path)


@pytest.mark.parametrize("cut", [4, 100, -30])
def test_a_damaged_file_is_reported(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "plan"
    write(path, SAVED)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WrongUsage, match="not a readable saved plan") as caught:
        read(path)
    assert caught.value.code == "KB0420"


@pytest.mark.parametrize("manifest", ["{}", "[]", "null", '{"version": 99}', "nonsense"])
def test_a_manifest_of_another_form_is_reported(tmp_path: Path, manifest: str) -> None:
    with zipfile.ZipFile(tmp_path / "plan", "w") as archive:
        archive.writestr(MANIFEST, manifest)
    with pytest.raises(WrongUsage, match="not a readable saved plan"):
        read(tmp_path / "plan")


def test_the_same_steps_have_the_same_digest() -> None:
    assert STEPS is not None
    agreed = Agreed(digests(STEPS), frozenset(), known=True)
    assert agreed.differences(STEPS) == ()
    agreed.verify("test", STEPS)


def test_other_steps_are_named() -> None:
    assert STEPS is not None
    first, second = STEPS.steps
    agreed = Agreed(digests(STEPS), frozenset(), known=True)
    other = {
        first: tuple(replace(step, why="another reason") for step in STEPS.steps[first]),
        "test-web-9": STEPS.steps[second],
    }
    assert agreed.differences(Plan("test", other)) == (
        f"node {first} has other facts: its steps differ",
        f"node {second} no longer needs its steps",
        "node test-web-9 needs steps that the plan does not have",
    )
    with pytest.raises(PlanMoved) as caught:
        agreed.verify("test", Plan("test", other))
    assert (caught.value.code, caught.value.exit_code) == ("KB0421", 1)
    assert f"node {first}" in (caught.value.detail or "")


def test_a_file_that_differs_only_before_is_another_step() -> None:
    assert STEPS is not None
    (node, steps), *_ = STEPS.steps.items()
    edited = (replace(steps[0], before="a: 2\n"), *steps[1:])  # type: ignore[call-arg] # it writes a file
    assert digests(Plan("test", {node: steps})) != digests(Plan("test", {node: edited}))


def test_the_start_of_a_service_is_not_compared() -> None:
    """It is computed from the machine's clock and its uptime, and differs by a second now and then."""
    first, second = (
        WaitReady(node="a", why="it starts", unit="k3s.service", version="v1", since=since)
        for since in (1000, 1001)
    )
    assert digests(Plan("test", {"a": (first,)})) == digests(Plan("test", {"a": (second,)}))


def test_new_nodes_may_need_anything() -> None:
    assert STEPS is not None
    assert Agreed({}, frozenset(STEPS.steps), known=False).differences(STEPS) == ()


def test_what_moved_is_reported() -> None:
    found = [*changed_names("machine", ["a", "b"], ["b", "c"])]
    assert found == ["machine a is there again", "machine c is gone"]
    assert moved(["x", "y"]).detail == "x\ny"
