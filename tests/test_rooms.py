"""The rooms keep their order: imports follow the flow, and only cli/ and views/ know click and rich."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kbootstrap"

# Lower rooms may not import higher ones. Rooms on one level do not know each other.
LEVELS = {
    "diagnostics": 0,
    "errors": 1,
    "resources": 0,
    "events": 1,
    "redact": 1,
    "codes": 1,
    "hints": 2,
    "references": 4,
    "files": 2,
    "process": 2,
    "workspace": 3,
    "spec": 3,
    "runtime": 3,
    "eventlog": 3,
    "distros": 4,
    "inventory": 4,
    "artifacts": 4,
    "render": 5,
    "hosts": 5,
    "kubeconfig": 5,
    "tofu": 6,
    "cluster": 6,
    "providers": 6,
    "guard": 7,
    "context": 7,
    "infrastructure": 8,
    "plans": 8,
    "departed": 8,
    "survey": 9,
    "plugins": 8,
    "pins": 9,
    "doctor": 10,
    "given": 10,
    "stages": 11,
    "snapshots": 12,
    "adoption": 12,
    "status": 13,
    "turnover": 12,
    "pipeline": 13,
    "material": 13,
    "saving": 14,
    "rotate": 14,
    "rehearsal": 14,
    "views": 14,
    "cli": 15,
    "__main__": 16,
    "__init__": 0,
}


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "data" not in path.parts)


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "kbootstrap":
                yield from (f"kbootstrap.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in modules()} <= set(LEVELS)


def test_imports_follow_the_flow() -> None:
    wrong = []
    for path in modules():
        own = room(path)
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "kbootstrap" or len(parts) == 1 or parts[1] in {own, "__version__"}:
                continue
            if LEVELS[parts[1]] >= LEVELS[own]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_only_the_surface_knows_click_and_rich() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        if room(path) not in {"cli", "views", "__main__"}
        for name in imported(path)
        if name.split(".")[0] in {"click", "rich"}
    ]
    assert not wrong


def test_processes_and_shells_have_one_door() -> None:
    doors = {"process.py", "cli/ssh.py"}
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if "subprocess" in set(imported(path)) and str(path.relative_to(PACKAGE)) not in doors
    ]
    assert not wrong


@pytest.mark.parametrize("arguments", [["--help"], ["apply", "--help"]])
def test_help_stays_light(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom kbootstrap.__main__ import main\n"
        f"main({arguments!r})\n"
        "heavy = {'rich', 'asyncssh', 'jsonschema', 'ruamel', 'lightkube', 'httpx', 'cryptography'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
