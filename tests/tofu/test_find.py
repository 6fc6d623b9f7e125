from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.tofu.find import Binary, find
from tests.tofu.fakes import Answer, FakeRunner

TOFU = "OpenTofu v1.8.3\non linux_amd64\n"
OLD_TOFU = "OpenTofu v1.5.9\n"
TERRAFORM = "Terraform v1.11.4\non linux_amd64\n\nYour version of Terraform is out of date!\n"


class Machine:
    """A folder with programs that print a version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.says: dict[Path, Answer] = {}

    def program(self, name: str, says: str, status: int = 0) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.says[path] = (status, says, "")
        return path

    async def find(self, explicit: str | None = None, env: Mapping[str, str] | None = None) -> Binary:
        on_path = {path.name: path for path in self.says if path.parent == self.folder}
        runner = FakeRunner(lambda argv: self.says[Path(argv[0])], on_path)
        return await find(runner, env or {}, self.folder / "cache", explicit)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_tofu_is_preferred(machine: Machine) -> None:
    machine.program("terraform", TERRAFORM)
    tofu = machine.program("tofu", TOFU)
    found = await machine.find()
    assert found == Binary(tofu, "OpenTofu", (1, 8, 3))
    assert str(found) == "OpenTofu 1.8.3"


async def test_terraform_when_tofu_is_too_old(machine: Machine) -> None:
    machine.program("tofu", OLD_TOFU)
    terraform = machine.program("terraform", TERRAFORM)
    assert (await machine.find()).path == terraform


async def test_the_one_that_kbootstrap_fetched(machine: Machine) -> None:
    fetched = machine.program("cache/bin/tofu", TOFU)
    assert (await machine.find()).path == fetched


async def test_named_by_flag_or_variable(machine: Machine) -> None:
    machine.program("tofu", TOFU)
    terraform = machine.program("terraform", TERRAFORM)
    other = machine.program("elsewhere/tofu", TOFU)
    assert (await machine.find("terraform")).path == terraform
    assert (await machine.find(None, {"KBOOTSTRAP_TOFU": str(other)})).path == other
    assert (await machine.find("terraform", {"KBOOTSTRAP_TOFU": str(other)})).path == terraform


@pytest.mark.parametrize(("explicit", "source"), [("/no/tofu", "--tofu"), (None, "KBOOTSTRAP_TOFU")])
async def test_a_named_one_must_be_there(machine: Machine, explicit: str | None, source: str) -> None:
    machine.program("tofu", TOFU)
    with pytest.raises(PrerequisiteMissing, match=f"{source} names .*, which is not there") as caught:
        await machine.find(explicit, {"KBOOTSTRAP_TOFU": "nope"})
    assert caught.value.exit_code == 5


async def test_none_at_all(machine: Machine) -> None:
    with pytest.raises(PrerequisiteMissing, match="neither") as caught:
        await machine.find()
    assert caught.value.code == "KB0503"
    assert "`kbootstrap artifacts pull tofu`" in (caught.value.hint or "")


async def test_too_old_says_what_was_found_and_what_is_needed(machine: Machine) -> None:
    machine.program("tofu", OLD_TOFU)
    machine.program("terraform", "Terraform v1.4.7\n")
    with pytest.raises(PrerequisiteMissing) as caught:
        await machine.find()
    assert "OpenTofu 1.5.9" in caught.value.message
    assert "1.6 or newer" in caught.value.message
    assert "Terraform 1.4.7" in caught.value.message
    assert caught.value.code == "KB0504"


@pytest.mark.parametrize(
    ("says", "status", "message"),
    [("hello\n", 0, "is neither"), ("", 1, "does not run"), ("", 127, "does not run")],
)
async def test_something_else_under_the_name(machine: Machine, says: str, status: int, message: str) -> None:
    machine.program("tofu", says, status)
    with pytest.raises(PrerequisiteMissing, match=message):
        await machine.find()
    with pytest.raises(PrerequisiteMissing, match=message):
        await machine.find("tofu")
