"""Updates and reboots: what machines are asked for, what their answers mean, and how a reboot is noticed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import upkeep
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.core.errors import InstallFailed
from tests.hosts.fake import FakeHost, Run, output

ANSWER = (
    "begin kbootstrap-maintain\npackage-manager apt\nupdates 5 bash\nboot abc-17\nend kbootstrap-maintain\n"
)


async def test_a_look() -> None:
    host = FakeHost("n1", lambda _: output(ANSWER))
    found = await upkeep.look(host, updates=True)
    assert found == upkeep.Found(Upkeep("apt", updates=("bash",), age=5), "abc-17")
    assert "\ndoing=look\npackages=yes\n" in f"\n{host.commands[0]}"


async def test_without_updates_no_list_is_fetched() -> None:
    host = FakeHost("n1", lambda _: output(ANSWER))
    await upkeep.look(host, updates=False)
    assert "\ndoing=look\npackages=''\n" in f"\n{host.commands[0]}"


@pytest.mark.parametrize(
    "said", [ANSWER.replace("end kbootstrap-maintain", ""), "", ANSWER.replace(" 5 ", " x ")]
)
async def test_an_answer_that_makes_no_sense(said: str) -> None:
    with pytest.raises(InstallFailed) as raised:
        await upkeep.look(FakeHost("n1", lambda _: output(said)), updates=True)
    assert raised.value.code == "KB0801"


async def test_lists_that_cannot_be_fetched() -> None:
    said = ANSWER.replace("\nboot", "\nupdates-unread apt-get update failed\nboot")
    with pytest.raises(InstallFailed, match="apt-get update failed") as raised:
        await upkeep.look(FakeHost("n1", lambda _: output(said)), updates=True)
    assert raised.value.code == "KB0866"


async def test_a_failed_installation_has_the_words_of_the_package_manager() -> None:
    def answer(_: Run) -> object:
        return output(status=1, stderr="E: Unable to locate package bash\n")

    host = FakeHost("n1", answer)  # type: ignore[arg-type]
    with pytest.raises(InstallFailed) as raised:
        await upkeep.install(host, ["bash", "libssl3"])
    assert raised.value.code == "KB0866"
    assert raised.value.detail == "E: Unable to locate package bash"
    assert "\npackages='bash libssl3'\n" in f"\n{host.commands[0]}"


def test_the_mark_of_a_boot() -> None:
    """It is the same as long as the machine runs, and has the times of this machine's first process."""
    text = upkeep._script("look", [])
    define = re.search(r"^boot\(\) .*$", text, re.MULTILINE)
    assert define
    said = [
        subprocess.run(["sh", "-c", f"{define[0]}\nboot"], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    begun = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert said == [f"boot {kernel}-{begun}\n"] * 2
