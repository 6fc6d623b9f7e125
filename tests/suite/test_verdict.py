"""What is repeated, what counts as flaky, and the summary after a crash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.suite.verdict import Stage, judge, main, read, slowest


def stage(**outcomes: str) -> Stage:
    return Stage(outcomes, {t: "no reason" for t, o in outcomes.items() if o == "skipped"}, complete=True)


def nothing(options: Sequence[str], failed: Sequence[str]) -> list[str]:
    raise AssertionError(f"{failed} repeated with {options}")


def test_a_good_run_repeats_nothing() -> None:
    verdict = judge({"unit": stage(a="passed", b="skipped"), "e2e": stage(c="passed")}, nothing)
    assert verdict.good
    assert verdict.lines()[-1] == "2 passed, 0 failed, 1 skipped"
    assert "b: no reason" in verdict.lines()
    assert "0 flaky (failed, and passed when repeated alone)" in verdict.lines()


@pytest.mark.parametrize(("flaky", "good"), [(1, True), (2, True), (3, False)])
def test_two_flaky_tests_are_tolerated_and_named(flaky: int, good: bool) -> None:
    tests = {f"t{number}": "failed" for number in range(flaky)} | {"other": "passed"}
    verdict = judge({"e2e": stage(**tests)}, lambda _, failed: failed)
    assert verdict.good is good
    assert verdict.flaky == tuple(tests)[:-1]
    lines = verdict.lines()
    assert lines[-1] == "1 passed, 0 failed, 0 skipped"
    assert {f"  t{number}" for number in range(flaky)} < set(lines)


@pytest.mark.parametrize(("phase", "good"), [("setup", True), ("call", False)])
def test_tests_of_one_module_whose_fixtures_failed_count_as_one(
    phase: str, good: bool, tmp_path: Path
) -> None:
    path = tmp_path / "e2e.jsonl"
    lines = [
        {"test": f"{module}.py::t{number}", "outcome": "failed", "phase": phase, "reason": ""}
        for module in ("m", "n")
        for number in range(3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"ended": 1}]))
    verdict = judge({"e2e": read(path)}, lambda _, failed: failed)
    assert (len(verdict.flaky), verdict.good) == (6, good)


def test_what_fails_twice_fails_the_run() -> None:
    verdict = judge({"e2e": stage(a="failed", b="failed")}, lambda _, failed: failed[:1])
    assert (verdict.flaky, verdict.failed, verdict.good) == (("a",), ("b",), False)


def test_many_failures_are_not_repeated() -> None:
    verdict = judge({"unit": stage(**{f"t{number}": "failed" for number in range(11)})}, nothing)
    assert verdict.lines()[-1] == "0 passed, 11 failed, 0 skipped"


def test_a_stage_that_crashed_is_a_failure() -> None:
    verdict = judge({"unit": Stage({"a": "passed"}), "e2e": Stage()}, nothing)
    assert not verdict.good
    assert verdict.lines()[-1] == "1 passed, 2 failed, 0 skipped"
    assert "e2e: the stage crashed" in verdict.failed


def test_a_record_that_is_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "e2e.jsonl"
    path.write_text(json.dumps({"test": "a", "outcome": "passed", "reason": ""}) + '\n{"test": "b", "outc')
    assert read(path) == Stage({"a": "passed"}, {}, complete=False)
    assert read(tmp_path / "missing.jsonl") == Stage()


def test_an_internal_error_of_pytest_is_not_a_complete_run(tmp_path: Path) -> None:
    path = tmp_path / "e2e.jsonl"
    path.write_text('{"ended": 3}\n')
    assert not read(path).complete


def test_the_exit_status_and_the_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unit.jsonl"
    path.write_text('{"test": "a", "outcome": "passed", "reason": ""}\n{"ended": 0}\n')
    assert main([str(path)]) == 0
    assert main([str(path), str(tmp_path / "missing.jsonl")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_linter_that_failed_fails_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unit.jsonl"
    path.write_text('{"test": "a", "outcome": "passed", "reason": ""}\n{"ended": 0}\n')
    assert main(["--failed", "", str(path)]) == 0
    assert main(["--failed", "ruff mypy", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "failed without tests: ruff mypy" in lines
    assert lines[-1] == "1 passed, 0 failed, 0 skipped"


def test_a_repeat_has_the_options_of_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "terraform.jsonl"
    path.write_text(
        '{"options": ["--tool=terraform"]}\n{"test": "a", "outcome": "failed", "reason": ""}\n{"ended": 1}\n'
    )
    asked: list[tuple[Sequence[str], Sequence[str]]] = []

    def repeat(options: Sequence[str], failed: Sequence[str]) -> Sequence[str]:
        asked.append((options, failed))
        return failed

    verdict = judge({"tofu": stage(a="passed"), "terraform": read(path)}, repeat)
    assert asked == [(("--tool=terraform",), ["a"])]
    assert (verdict.passed, verdict.flaky) == (1, ("a --tool=terraform",))


def test_modules_that_took_longest_are_listed_with_their_sums() -> None:
    seconds = {"a.py::t1": 20.0, "a.py::t2": 21.4, "b.py::t": 60.0, "c.py::t": 1.0}
    assert slowest({"e2e": Stage(seconds=seconds)}) == [
        "",
        "== e2e: seconds of one worker",
        "   102 in total",
        "    60 b.py",
        "    41 a.py",
    ]
