from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core import files
from kbootstrap.core.errors import CredentialsRefused, Interrupted, Locked, PrerequisiteMissing, TofuFailed
from kbootstrap.core.events import Event
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import Binary
from kbootstrap.tofu.run import Tofu
from kbootstrap.tofu.state import State
from tests.tofu.fakes import Answer, FakeRunner

DIAGNOSTIC = (
    '{"type": "diagnostic", "diagnostic": '
    '{"severity": "error", "summary": "%s", "detail": "hunter2-hunter2"}}\n'
)


def make(folder: Path, answer: Callable[[Sequence[str]], Answer]) -> tuple[Tofu, FakeRunner]:
    runner = FakeRunner(answer)
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    tofu = Tofu(
        root=folder,
        binary=Binary(Path("tofu"), "OpenTofu", (1, 8, 0)),
        runner=runner,
        env=environment({}, folder / "cache"),
        cluster="dev",
        redactor=redactor,
    )
    return tofu, runner


@pytest.mark.parametrize(
    ("stdout", "error", "code"),
    [
        (DIAGNOSTIC % "Some problem", TofuFailed, "KB0501"),
        (DIAGNOSTIC % "Error acquiring the state lock", Locked, "KB0505"),
        (DIAGNOSTIC % "Authentication failed", CredentialsRefused, "KB0509"),
        (DIAGNOSTIC % "No space left on device", PrerequisiteMissing, "KB0518"),
        ("Error: Old program\n\n-json is not known\n", TofuFailed, "KB0501"),
    ],
)
async def test_a_failure_is_raised_as_what_it_is(
    tmp_path: Path, stdout: str, error: type[TofuFailed], code: str
) -> None:
    tofu, _ = make(tmp_path, lambda _argv: (1, stdout, ""))
    with pytest.raises(error, match="OpenTofu could not apply the changes of cluster dev") as caught:
        await tofu.apply(tmp_path / "plan")
    assert type(caught.value) is error
    assert caught.value.code == code
    assert len(caught.value.diagnostics) == 1
    assert "hunter2" not in caught.value.diagnostics[0].reason


async def test_a_failure_without_words(tmp_path: Path) -> None:
    tofu, _ = make(tmp_path, lambda _argv: (-9, "", "panic hunter2-hunter2"))
    with pytest.raises(TofuFailed, match="status -9") as caught:
        await tofu.destroy()
    assert caught.value.detail == f"panic {MASK}"


async def test_stopped_by_another_process(tmp_path: Path) -> None:
    stdout = DIAGNOSTIC % "local-exec provisioner error" + DIAGNOSTIC % "execution halted"
    tofu, _ = make(tmp_path, lambda _argv: (1, stdout, ""))
    with pytest.raises(Interrupted) as caught:
        await tofu.apply(tmp_path / "plan")
    assert [d.summary for d in caught.value.diagnostics] == ["local-exec provisioner error"]


def changing(argv: Sequence[str]) -> Answer:
    """Answer as OpenTofu does when a plan has changes."""
    return (2 if argv[1] == "plan" else 0), "{}", ""


async def test_arguments(tmp_path: Path) -> None:
    tofu, runner = make(tmp_path, changing)
    out = tmp_path / "p"
    await tofu.plan(out, replace=["a"], targets=["b", "c"], destroy=True, refresh=False)
    await tofu.apply(out)
    await tofu.destroy()
    await tofu.untaint('module.pool_web.x.node["a"]')
    common = ("-json", "-input=false", "-lock-timeout=180s")
    plan, show, apply, destroy, untaint = runner.calls
    assert plan[:3] == ("tofu", "plan", "-no-color")
    assert {"-detailed-exitcode", "-parallelism=32"} <= {*plan}
    assert {*common, f"-out={out}", "-replace=a", "-target=b", "-target=c", "-destroy", "-refresh=false"} <= {
        *plan
    }
    assert show == ("tofu", "show", "-no-color", "-json", str(out))
    assert {*common} <= {*apply}
    assert apply[-1] == str(out)
    assert {*common, "-auto-approve"} <= {*destroy}
    assert untaint[1] == "untaint"
    assert untaint[-1] == 'module.pool_web.x.node["a"]'


async def test_a_plan_without_changes_is_not_read_back(tmp_path: Path) -> None:
    tofu, runner = make(tmp_path, lambda _argv: (0, "", ""))
    assert (await tofu.plan(tmp_path / "p")).empty
    assert [call[1] for call in runner.calls] == ["plan"]
    assert (tmp_path / "p").exists(), "it can be saved and applied like any other"


async def test_created_resources_are_reported_while_it_works(tmp_path: Path) -> None:
    created: list[tuple[str, str]] = []
    hook = '{"resource": {"addr": "a.b"}, "action": "create", "id_value": "1"}'
    line = f'{{"type": "apply_complete", "hook": {hook}}}'
    tofu, _ = make(tmp_path, lambda _argv: (0, f"{line}\n", ""))
    await tofu.apply(tmp_path / "p", lambda *found: created.append(found))
    assert created == [("a.b", "1")]


async def test_apply_and_destroy_get_time_to_finish(tmp_path: Path) -> None:
    """An interrupt does not stop a create of the OpenStack provider, which takes up to 30 minutes."""
    tofu, runner = make(tmp_path, lambda _argv: (0, "", ""))
    await tofu.apply(tmp_path / "p")
    await tofu.destroy()
    await tofu.state()
    creating, destroying, reading = runner.graces
    assert creating == destroying == 1800
    assert reading == 60


async def test_a_failed_plan_leaves_no_file(tmp_path: Path) -> None:
    tofu, _ = make(tmp_path, lambda _argv: (1, "", ""))
    with pytest.raises(TofuFailed):
        await tofu.plan(tmp_path / "p")
    assert not (tmp_path / "p").exists()


async def test_what_is_held_is_held_for_one_plan(tmp_path: Path) -> None:
    place, seen = tmp_path / "kbootstrap_override.tf", list[str]()

    def answer(argv: Sequence[str]) -> Answer:
        if argv[1] == "plan":
            seen.append(place.read_text() if place.exists() else "")
        return 0, "{}", ""

    tofu, _ = make(tmp_path, answer)
    await tofu.plan(tmp_path / "p", frozen="module {}\n")
    assert not place.exists()
    place.write_text("of a run that was killed")
    await tofu.plan(tmp_path / "p")
    assert seen == ["module {}\n", ""]
    assert not place.exists()


async def test_plugins_that_are_gone_are_installed_again_once(tmp_path: Path) -> None:
    def answer(argv: Sequence[str]) -> Answer:
        return (
            (0, "", "") if argv[1] == "init" else (1, DIAGNOSTIC % "Required plugins are not installed", "")
        )

    tofu, runner = make(tmp_path, answer)
    await tofu.init()
    with pytest.raises(TofuFailed):
        await tofu.plan(tmp_path / "p")
    assert [call[1] for call in runner.calls] == ["init", "plan", "init", "plan"]


@pytest.mark.parametrize("text", ["[]", "not JSON", '{"version": 3}'])
async def test_a_state_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    tofu, _ = make(tmp_path, lambda _argv: (0, text, ""))
    with pytest.raises(TofuFailed, match="read the state of"):
        await tofu.state()


async def test_a_state_is_read_with_one_command_and_goes_to_no_event(tmp_path: Path) -> None:
    text = '{"version": 4, "serial": 3, "lineage": "l", "outputs": {"s": {"value": "secret"}}}'
    events: list[Event] = []
    tofu, runner = make(tmp_path, lambda _argv: (0, text, "Warning: something"))
    state = await replace(tofu, emit=events.append).state()
    assert (state.outputs, state.identity) == ({"s": "secret"}, "l/3")
    assert [call[1:3] for call in runner.calls] == [("state", "pull")]
    assert events == []
    nothing, _ = make(tmp_path, lambda _argv: (0, "", ""))
    assert await nothing.state() == State()


async def test_inits_take_turns(tmp_path: Path) -> None:
    tofu, runner = make(tmp_path, lambda _argv: (0, "", ""))
    with files.locked(tmp_path / "cache" / "tofu-plugins" / ".kbootstrap.lock", wait=0):
        task = asyncio.create_task(tofu.init())
        await asyncio.sleep(0.3)
        assert runner.calls == []
    assert await task is True
