"""OpenTofu's providers: pinned, and obtained where no registry is reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.events import Emit, Event, nowhere
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.tofu_providers import initialised, look_up
from kbootstrap.spec.pins import ProviderPin
from kbootstrap.tofu import locked
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import Binary
from kbootstrap.tofu.mirror import VARIABLE
from kbootstrap.tofu.run import Tofu
from tests.tofu.fakes import Answer, FakeRunner

SOURCE = "terraform-provider-openstack/openstack"
OWN = recipe.provider("openstack").version
SIGNED = (f"h1:{'a' * 43}=", f"zh:{'0' * 64}")

REFUSAL = "Error: Failed to query available provider packages\n\nno such host\n"


def make(folder: Path, answers: list[Answer], emit: Emit = nowhere) -> tuple[Tofu, Runtime, FakeRunner]:
    """Return a tofu whose calls of init end as given, and a cache that holds the provider already."""
    wanted = recipe.provider("openstack")
    place = cache.place(folder, wanted.step, f"v{wanted.version}", machine.architecture())
    with cache.scratch(place) as filled:
        (filled / wanted.program).write_text("program")
        cache.publish(filled, place, "test")

    def answer(argv: Sequence[str]) -> Answer:
        assert argv[1] == "init"
        return answers.pop(0)

    runner = FakeRunner(answer)
    run = Runtime(runner, {"HOME": str(folder)}, folder, Redactor(), emit)
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
async def test_other_failures_are_reported(tmp_path: Path, providers: list[str]) -> None:
    refusal = REFUSAL if not providers else "Error: Invalid expression\n\nx\n"
    tofu, run, _ = make(tmp_path, [(1, "", refusal)])
    with pytest.raises(TofuFailed):
        await initialised(tofu, run, providers)


async def test_the_operators_configuration_decides(tmp_path: Path) -> None:
    tofu, run, _ = make(tmp_path, [(1, "", REFUSAL)])
    (tmp_path / ".tofurc").touch()
    with pytest.raises(TofuFailed):
        await initialised(tofu, run, ["openstack"])


def pinned(tofu: Tofu) -> dict[str, ProviderPin]:
    path = tofu.root / locked.NAME
    return locked.read(path.read_text()) if path.exists() else {}


async def test_the_pinned_version_is_asked_for(tmp_path: Path) -> None:
    pins = {SOURCE: ProviderPin("3.0.0", SIGNED)}
    tofu, run, _ = make(tmp_path, [(0, "", "")])
    await initialised(tofu, run, ["openstack"], pins)
    assert pinned(tofu) == pins


async def test_without_the_pinned_version_our_own_is_used_and_reported(tmp_path: Path) -> None:
    """A lock file that was made with a registry must not lock out a machine without one."""
    reported: list[Event] = []
    tofu, run, _ = make(tmp_path, [(1, "", REFUSAL), (0, "", "")], reported.append)
    found = await initialised(tofu, run, ["openstack"], {SOURCE: ProviderPin("3.0.0", SIGNED)})
    assert VARIABLE in found.env
    assert pinned(tofu) == {}
    assert any("3.0.0" in (event.detail or "") and OWN in (event.detail or "") for event in reported)


async def test_a_package_that_differs_is_not_replaced_by_a_build(tmp_path: Path) -> None:
    words = (
        f"Error: Failed to install provider\n\nthe\nlocal package for {SOURCE} doesn't\n"
        "match any of the checksums previously recorded in the dependency lock file\n"
    )
    tofu, run, runner = make(tmp_path, [(1, "", words)])
    with pytest.raises(TofuFailed) as caught:
        await initialised(tofu, run, ["openstack"], {SOURCE: ProviderPin("3.0.0", SIGNED)})
    assert caught.value.code == "KB0536"
    assert len(runner.calls) == 1


async def test_the_mirror_is_used_for_its_own_version_only(tmp_path: Path) -> None:
    tofu, run, _ = make(tmp_path, [(1, "", REFUSAL), (0, "", ""), (0, "", ""), (0, "", "")])
    await initialised(tofu, run, ["openstack"])  # fills the mirror
    own = await initialised(tofu, run, ["openstack"], {SOURCE: ProviderPin(OWN, SIGNED)})
    assert VARIABLE in own.env
    assert pinned(tofu) == {}, "a build has other hashes than those of a registry"
    (tofu.root / ".terraform" / "kbootstrap-initialised").unlink()
    other = await initialised(tofu, run, ["openstack"], {SOURCE: ProviderPin("3.0.0", SIGNED)})
    assert VARIABLE not in other.env


VERSIONS = (
    f'terraform {{\n  required_providers {{\n    o = {{\n      source  = "{SOURCE}"\n    }}\n  }}\n}}\n'
)


def asking(folder: Path, init: Any) -> Runtime:  # noqa: ANN401
    """Return a machine with a tofu whose `init` is given."""
    (folder / "tofu").touch()

    def answer(argv: Sequence[str]) -> Answer:
        return (0, "OpenTofu v1.9.0\n", "") if argv[1] == "version" else init()

    runner = FakeRunner(answer, {"tofu": folder / "tofu"})
    return Runtime(runner, {"HOME": str(folder)}, folder, Redactor(), nowhere)


async def test_what_is_pinned_is_not_looked_up(tmp_path: Path) -> None:
    run = asking(tmp_path, lambda: pytest.fail("asked"))
    pins = {SOURCE: ProviderPin("3.0.0", SIGNED), "gone/away": ProviderPin("1.0.0")}
    assert await look_up([VERSIONS, VERSIONS], run, pins) == ({SOURCE: pins[SOURCE]}, ())
    assert await look_up([], run, pins) == ({}, ())


async def test_without_a_registry_the_version_that_can_be_built_is_pinned(tmp_path: Path) -> None:
    found, reported = await look_up([VERSIONS], asking(tmp_path, lambda: (1, "", REFUSAL)), {})
    assert found == {SOURCE: ProviderPin(OWN)}
    assert "no registry" in reported[0]
    other = VERSIONS.replace(SOURCE, "nobody/builds")
    found, reported = await look_up([other], asking(tmp_path, lambda: (1, "", REFUSAL)), {})
    assert (found, "stays open" in reported[0]) == ({}, True)


async def test_other_failures_of_a_look_up_are_raised(tmp_path: Path) -> None:
    with pytest.raises(TofuFailed):
        await look_up([VERSIONS], asking(tmp_path, lambda: (1, "", "Error: Invalid expression\n\nx\n")), {})
