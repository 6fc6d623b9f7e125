"""Initialising where no registry is reached: the provider comes from the mirror of the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.artifacts import cache, machine, recipe
from kbootstrap.errors import PrerequisiteMissing, TofuFailed
from kbootstrap.events import nowhere
from kbootstrap.redact import Redactor
from kbootstrap.runtime import Runtime
from kbootstrap.stages import forget_destroy, initialised, lost_hint, note_destroy, verify_there
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import Binary
from kbootstrap.tofu.mirror import VARIABLE
from kbootstrap.tofu.run import Tofu
from kbootstrap.workspace import ClusterSpace, Workspace
from tests.tofu.fakes import Answer, FakeRunner

REFUSAL = "Error: Failed to query available provider packages\n\nno such host\n"


def make(folder: Path, answers: list[Answer]) -> tuple[Tofu, Runtime, FakeRunner]:
    """Return a tofu whose calls of init end as told, and a cache that holds the provider already."""
    wanted = recipe.provider("openstack")
    place = cache.place(folder, wanted.step, f"v{wanted.version}", machine.architecture())
    with cache.scratch(place) as filled:
        (filled / wanted.program).write_text("program")
        cache.publish(filled, place, "test")

    def answer(argv: Sequence[str]) -> Answer:
        assert argv[1] == "init"
        return answers.pop(0)

    runner = FakeRunner(answer)
    run = Runtime(runner, {"HOME": str(folder)}, folder, Redactor(), nowhere)
    env = environment(run.env, folder)
    (folder / "root").mkdir()
    binary = Binary(Path("tofu"), "OpenTofu", (1, 8, 0))
    tofu = Tofu(
        root=folder / "root", binary=binary, runner=runner, env=env, cluster="c", redactor=run.redactor
    )
    return tofu, run, runner


async def test_what_a_registry_gave_is_taken(tmp_path: Path) -> None:
    tofu, run, runner = make(tmp_path, [(0, "", "")])
    assert VARIABLE not in (await initialised(tofu, run, ["openstack"])).env
    assert len(runner.calls) == 1


async def test_without_a_registry_the_mirror_is_filled_and_used(tmp_path: Path) -> None:
    tofu, run, _ = make(tmp_path, [(1, "", REFUSAL), (0, "", "")])
    found = await initialised(tofu, run, ["openstack"])
    assert found.env[VARIABLE].startswith(str(tmp_path))


@pytest.mark.parametrize("providers", [[], ["openstack"]])
async def test_other_failures_are_told(tmp_path: Path, providers: list[str]) -> None:
    refusal = REFUSAL if not providers else "Error: Invalid expression\n\nx\n"
    tofu, run, _ = make(tmp_path, [(1, "", refusal)])
    with pytest.raises(TofuFailed):
        await initialised(tofu, run, providers)


async def test_the_operators_configuration_decides(tmp_path: Path) -> None:
    tofu, run, _ = make(tmp_path, [(1, "", REFUSAL)])
    (tmp_path / ".tofurc").touch()
    with pytest.raises(TofuFailed):
        await initialised(tofu, run, ["openstack"])


def test_what_to_do_about_machines_that_the_state_does_not_know() -> None:
    one = lost_hint(Path("dev.yaml"), ["dev-web-2"], ["dev-web-1"])
    assert "kubectl get node dev-web-2" in one
    assert "openstack server delete dev-web-2" in one
    assert "destroy" not in one, "one machine is no reason to give a cluster up"
    assert "kbootstrap adopt dev.yaml" in one
    all_of_it = lost_hint(Path("dev.yaml"), ["dev-web-2"], [])
    assert "kbootstrap adopt dev.yaml" in all_of_it
    assert "kbootstrap destroy dev.yaml" in all_of_it


class _Elsewhere:
    """A provider with the credentials of another project."""

    async def drifted(self, *_: object) -> dict[str, str]:
        raise PrerequisiteMissing("nothing of it is in this project", code="KB1133")


def space(folder: Path) -> ClusterSpace:
    workspace = Workspace.beside(folder / "s.yaml")
    workspace.make()
    return workspace.of("c")


async def test_before_a_removal_it_looks_whether_the_cluster_is_there(tmp_path: Path) -> None:
    own = {"spec": "s", "cluster": "c", "nodes": {}}
    named = SimpleNamespace(name="s"), SimpleNamespace(name="c")
    files = space(tmp_path)
    context: Any = SimpleNamespace(
        spec=named[0], cluster=named[1], provider=_Elsewhere(), around=None, space=files
    )
    with pytest.raises(PrerequisiteMissing) as caught:
        await verify_there(context, {"kbootstrap": own})
    assert caught.value.code == "KB1133"
    with pytest.raises(PrerequisiteMissing) as caught:
        await verify_there(context, {"kbootstrap": own | {"cluster": "other"}})
    assert caught.value.code == "KB0534"
    await verify_there(context, {})
    note_destroy(files, (), leaving=True)
    await verify_there(context, {"kbootstrap": own})  # it had begun: much may be gone


def test_buckets_that_a_failed_removal_let_go_are_named_by_the_next(tmp_path: Path) -> None:
    files = space(tmp_path)
    assert note_destroy(files, ["c-a", "c-b"], leaving=True) == {"c-a", "c-b"}
    assert note_destroy(files, (), leaving=True) == {"c-a", "c-b"}
    assert note_destroy(files, ["c-b"], leaving=False) == {"c-a"}, "still in the state, so it is deleted"
    forget_destroy(files)
    assert note_destroy(files, (), leaving=True) == set()
