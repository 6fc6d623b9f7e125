"""Nothing waits a fixed time: every pause is between two looks at something, short, and has a deadline.

No test asserts how long something took: `bench/` measures that.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHORT = 1.0
"""Seconds. What is waited for is noticed this late at most."""

LONGER = {
    ("kbootstrap/cluster/lock/lease.py", "EVERY"): "renews the lease; nothing waits for it",
    ("kbootstrap/cluster/converge/paths.py", "PATH_PAUSE"): "a path that is closed stays closed so long",
    ("kbootstrap/artifacts/source/workshop.py", "2"): "shows the progress of a build; nothing waits for it",
    ("kbootstrap/cluster/converge/promote.sh", "1.5"): "etcd refuses members that have not caught up yet",
    ("kbootstrap/cli/status.py", "interval"): "the operator sets it",
    ("kbootstrap/autoscaler/leader.py", "RENEW"): "renews the Lease; a leader that ends releases it",
    ("kbootstrap/autoscaler/run.py", "_LOOK"): "reads the spec again; `Refresh` does so too",
    ("kbootstrap/autoscaler/run.py", "SOON"): "a list of all machines is a request that clouds limit",
    ("kbootstrap/autoscaler/watch.py", "SOON"): "a list of all machines is a request that clouds limit",
}
"""Pauses that may be longer, or are no constant, by file and text; with the reason."""
ENDLESS = {
    ("kbootstrap/cluster/lock/lease.py", "_renew"): "ends with the run",
    ("kbootstrap/cluster/converge/etcd_api.py", "_promote"): "its caller cancels it",
    ("kbootstrap/artifacts/source/workshop.py", "tick"): "its caller cancels it",
    ("kbootstrap/cli/status.py", "watching"): "the operator ends it",
    ("kbootstrap/autoscaler/leader.py", "acquire"): "a follower waits for the lead; the server cancels it",
    ("kbootstrap/autoscaler/leader.py", "keep"): "ends with the lead",
    ("kbootstrap/autoscaler/reports.py", "run"): "ends with the lead",
    ("kbootstrap/autoscaler/run.py", "_look"): "ends with the lead",
    ("kbootstrap/autoscaler/run.py", "_until_read"): "ends with the lead; each reading has `LIMIT`",
    ("kbootstrap/autoscaler/watch.py", "run"): "ends with the lead; each reading has `LIMIT`",
    ("kbootstrap/engine/overlap.py", "each"): "each machine that does not answer has `PATIENCE`",
    ("kbootstrap/hosts/session.py", "_open"): "`_perform` has the deadline of the command",
    ("kbootstrap/providers/local/node/overlay/usr/local/sbin/kbootstrap-endpoint", ""): "is a service",
}
"""Loops without a deadline of their own, by file and function; with the reason."""

_LOOPS = (ast.While, ast.For, ast.AsyncFor)
_DEADLINE = re.compile(r"monotonic\(\)|loop\.time\(\)|loop\(\)\.time\(\)|asyncio\.timeout\(|in range\(")
_LOOP = re.compile(r"\b(?P<done>done)\b|(?P<head>\b(?:while|until|for)\s+[^(\s].*)")
_BOUND = re.compile(r"-lt |-gt |\$\(seq |for \w+ in \d")
_CLOCK = re.compile(r"monotonic\(|perf_counter\(|time\(")
_SHELL = re.compile(r"\bsleep (?P<pause>[\d.]+|\"?\$\{?\w+\}?\"?)")


@dataclass(frozen=True)
class Pause:
    """One pause: the text of its length, the seconds if they are known, and what is around it."""

    file: str
    text: str
    seconds: float | None
    function: str
    looped: bool
    bounded: bool


def pauses() -> Iterator[Pause]:
    for path in sorted((ROOT / "kbootstrap").rglob("*")):
        file = str(path.relative_to(ROOT))
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix == ".py":
            yield from _python(file, text)
        elif path.suffix != ".md":
            yield from _shell(file, text)


def _python(file: str, text: str) -> Iterator[Pause]:
    tree = ast.parse(text)
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        if ast.unparse(call.func) not in {"asyncio.sleep", "time.sleep", "sleep"}:
            continue
        inside = [one for one in functions if call in ast.walk(one)]
        function = inside[-1]  # the innermost: `ast.walk` goes from the outside to the inside
        argument = call.args[0]
        yield Pause(
            file,
            ast.unparse(argument),
            _seconds(argument, module, function),
            function.name,
            any(isinstance(one, _LOOPS) and call in ast.walk(one) for one in ast.walk(function)),
            _DEADLINE.search(ast.unparse(function)) is not None,
        )
    for string in (one for one in ast.walk(tree) if isinstance(one, ast.JoinedStr)):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "$" for part in string.values)
        yield from _shell(file, "".join(parts))


def _seconds(argument: ast.expr, module: str, function: ast.AST) -> float | None:
    """Return the seconds of a pause, the first ones of pauses that grow; None where they are not known."""
    grow = [
        one for one in ast.walk(function) if isinstance(one, ast.Call) and ast.unparse(one.func) == "growing"
    ]
    argument = grow[0].args[0] if grow else argument
    if isinstance(argument, ast.Constant):
        return float(str(argument.value))
    if isinstance(argument, ast.Name):
        found = getattr(importlib.import_module(module), argument.id, None)
        return float(found) if found is not None else None
    return None


def _shell(file: str, text: str) -> Iterator[Pause]:
    plain = re.sub(r"(^|\s)#.*", "", text)
    for found in _SHELL.finditer(plain):
        loops: list[str] = []
        for word in _LOOP.finditer(plain, 0, found.start()):
            if word["done"]:
                loops.pop()
            else:
                loops.append(word["head"])
        pause = found["pause"]
        seconds = float(pause) if re.fullmatch(r"[\d.]+", pause) else None
        bounded = any(_BOUND.search(plain, plain.index(head), found.start()) for head in loops)
        yield Pause(file, pause, seconds, "", bool(loops), bounded)


@pytest.fixture(scope="module")
def every() -> list[Pause]:
    return list(pauses())


def test_pauses_are_found(every: list[Pause]) -> None:
    files = {pause.file for pause in every}
    assert {
        "kbootstrap/core/files.py",
        "kbootstrap/hosts/ssh.py",
        "kbootstrap/cluster/observe/facts.sh",
    } <= files
    assert {(pause.file, pause.text) for pause in every} >= set(LONGER)
    assert {(pause.file, pause.function) for pause in every} >= set(ENDLESS)


def test_a_pause_is_between_two_looks(every: list[Pause]) -> None:
    assert [pause for pause in every if not pause.looped] == []


def test_pauses_are_short(every: list[Pause]) -> None:
    others = [pause for pause in every if (pause.file, pause.text) not in LONGER]
    assert [pause for pause in others if pause.seconds is None or pause.seconds > SHORT] == []


def test_loops_have_deadlines(every: list[Pause]) -> None:
    others = [pause for pause in every if (pause.file, pause.function) not in ENDLESS]
    assert [pause for pause in others if not pause.bounded] == []


def durations(text: str) -> Iterator[int]:
    """Yield the lines that assert at most how long something took: `assert monotonic() - begun < 5`."""
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)):
            continue
        took, at_most = node.test.left, isinstance(node.test.ops[0], ast.Lt | ast.LtE)
        if at_most and isinstance(took, ast.BinOp) and _CLOCK.search(ast.unparse(took)):
            yield node.lineno


def test_no_test_asserts_a_duration() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line in durations(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_durations_are_seen() -> None:
    assert list(durations("assert a\nassert time.monotonic() - begun < 5\nassert time() < end\n")) == [2]


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        ("sleep 5\n", False),
        ("while [ $n -lt 3 ]; do\n    true\ndone\nsleep 1\n", False),
        ("until ready; do sleep 0.2; done\n", True),
    ],
)
def test_a_fixed_sleep_in_a_shell_script_is_seen(text: str, looped: bool) -> None:
    assert [pause.looped for pause in _shell("one.sh", text)] == [looped]


def test_a_fixed_sleep_in_python_is_seen() -> None:
    text = "async def one():\n    await asyncio.sleep(3)\n    while True:\n        time.sleep(0.1)\n"
    text += "def two():\n    pauses = growing(0.5, 9)\n"
    text += "    while loop.time() < end:\n        time.sleep(next(pauses))\n"
    found = list(_python("kbootstrap/core/one.py", text))
    assert [(pause.seconds, pause.looped, pause.bounded) for pause in found] == [
        (3.0, False, False),
        (0.1, True, False),
        (0.5, True, True),
    ]
