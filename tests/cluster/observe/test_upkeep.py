"""What a machine waits for: the shell functions with programs of the test in the place of apt's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kbootstrap.cluster.observe.facts import parse, read_upkeep, script
from kbootstrap.cluster.observe.upkeep_script import upkeep_functions
from kbootstrap.cluster.state.upkeep import NO_UPKEEP, Upkeep
from kbootstrap.distros import find
from kbootstrap.views.status_data import _os

WORDS = ("awk", "sort", "tr", "date", "stat", "tail", "ls", "timeout", "cat")
PLAN = """\
NOTE: This is only a simulation!
Inst libssl3 [3.0.15-1] (3.0.16-1 Debian-Security:12/stable-security [amd64])
Inst bash [5.2-1] (5.2-2 Debian:12.9/stable [amd64])
Inst linux-image-6.1.0-31-amd64 (6.1.128-1 Debian-Security:12/stable-security [amd64])
Conf libssl3 (3.0.16-1 Debian-Security:12/stable-security [amd64])
Conf openssl (3.0.16-1 Debian-Security:12/stable-security [amd64])
"""
RECORDED = (Path(__file__).parent / "data" / "facts-server.txt").read_text("utf-8")


def read(
    folder: Path, *, apt: str = "", lists: bool = True, reboot: str = "", counted: str = "yes"
) -> Upkeep:
    """Return what a machine says whose files are in the folder."""
    programs = folder / "bin"
    programs.mkdir()
    for word in WORDS:
        (programs / word).symlink_to(str(shutil.which(word)))
    if apt:
        (programs / "apt-get").write_text(f"#!/bin/sh\n{apt}\n")
        (programs / "apt-get").chmod(0o755)
    place = folder / "lists"
    place.mkdir()
    if lists:
        (place / "deb.example.org_Packages").write_text("")
    if reboot:
        (folder / "run").mkdir()
        (folder / "run/reboot-required").write_text("*** System restart required ***\n")
        (folder / "run/reboot-required.pkgs").write_text(reboot)
    text = upkeep_functions().replace("/var/lib/apt/lists", str(place))
    text = text.replace("/var/run/", f"{folder}/none/").replace(" /run/", f" {folder}/run/")
    done = subprocess.run(
        ["/bin/sh", "-c", f"{text}\nupkeep {counted}"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    return read_upkeep({kind: rest.strip() for kind, _, rest in lines})


def test_updates_from_an_archive_for_security_and_what_requires_a_reboot(tmp_path: Path) -> None:
    found = read(tmp_path, apt=f"cat <<END\n{PLAN}END", reboot="linux-base\nlinux-image-6.1\nlinux-base\n")
    assert found.supported
    assert found.updates == ("libssl3", "linux-image-6.1.0-31-amd64", "openssl")
    assert found.reboot
    assert found.packages == ("linux-base", "linux-image-6.1")
    assert found.age < 600
    assert found.unread == ""


def test_updates_are_counted_on_request_only(tmp_path: Path) -> None:
    found = read(tmp_path, apt="exit 1", counted="no")
    assert found == Upkeep(manager="apt")


@pytest.mark.parametrize(
    ("apt", "lists", "why"),
    [("echo", False, "apt has no package lists"), ("exit 100", True, "apt-get cannot plan an upgrade")],
)
def test_what_cannot_be_read_is_unknown(tmp_path: Path, apt: str, lists: bool, why: str) -> None:
    found = read(tmp_path, apt=apt, lists=lists)
    assert found.updates is None
    assert found.unread == why
    assert _os(found)["security_updates"] is None
    assert _os(found)["unknown"] == why


def test_another_system_is_unknown(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found == NO_UPKEEP
    assert _os(found)["reboot_required"] is None
    assert _os(found)["unknown"] == "it has no apt-get"


def test_facts_have_it() -> None:
    more = "package-manager apt\nreboot-required linux-base\nupdates 120 libssl3 bash\nend kbootstrap-facts-1"
    facts = parse("n1", RECORDED.replace("end kbootstrap-facts-1", more), find("k3s"), now=1795353823.0)
    assert facts.upkeep == Upkeep("apt", True, ("linux-base",), ("libssl3", "bash"), 120)
    assert parse("n1", RECORDED, find("k3s"), now=1795353823.0).upkeep == NO_UPKEEP


def test_facts_ask_for_updates_on_request_only() -> None:
    assert "\nupdates=no\n" in script(find("k3s"))
    assert "\nupdates=yes\n" in script(find("k3s"), updates=True)
