"""Command lines of the documentation that go through a node: each is run there, programs replaced."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import kbootstrap
from kbootstrap.core import codes
from kbootstrap.hosts.command import ssh_argv
from tests.hosts.conftest import Around
from tests.hosts.sshd import PROGRAMS, Sshd
from tests.test_docs import CALL, CALLS, words

HINT = re.compile(r"kbootstrap ssh (?:\{[^}]*\}|[A-Z-]+) -- ([^\n\"`)]+)")


def documented() -> list[str]:
    """Return every command for a node, as the reader's own shell passes it on."""
    found = [argv[argv.index("--") + 1 :] for _, argv in CALLS if argv[:1] == ["ssh"] and "--" in argv]
    for known in codes.all_codes().values():
        for line in known.text.splitlines():
            call = CALL.search(line)
            argv = words(call[1]) if call and call[1].startswith("ssh ") else []
            found += [argv[argv.index("--") + 1 :]] if "--" in argv else []
    for path in sorted(Path(kbootstrap.__file__).parent.rglob("*.py")):
        for hint in HINT.findall(path.read_text(encoding="utf-8")):
            text = re.sub(r"\{[^}]*\}", "it", re.split(r"; [a-z]+ |'\)", hint)[0])
            found.append(shlex.split(text))
    return sorted({" ".join(argv) for argv in found} - {"COMMAND"})  # a placeholder


LINES = documented()


def test_lines_are_found() -> None:
    assert len(LINES) > 20
    assert "uptime; df -h; free -m" in LINES


@pytest.mark.parametrize("line", LINES)
async def test_a_line_for_a_node_works(isolated: Sshd, around: Around, line: str) -> None:
    machine = isolated.machine(user="reader")
    root = isolated.machine()
    await (await around.connector.connect(root, deadline=10)).close()  # pins the key
    argv = ssh_argv(machine.ssh, around.pins.path, [line])
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.stderr} (programs: {', '.join(PROGRAMS)})"
    assert "not found" not in done.stderr, line
