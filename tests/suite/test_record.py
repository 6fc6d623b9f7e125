"""The plugin, with real runs of pytest in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.suite.verdict import Stage, read

CHECKOUT = Path(__file__).parents[2]
OWN = """\
import os, pytest
pytestmark = pytest.mark.{mark}

def test_one():
    print("ran one")

def test_two():
    print("ran two")
    assert os.path.exists("mended")

def test_three():
    pytest.skip("no reason")
"""


def run(folder: Path, mark: str, *arguments: str) -> tuple[Stage, str]:
    """Run the tests above and return their record, and what pytest printed."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    ordered: x\n    other: x\n")
    (folder / "test_own.py").write_text(OWN.format(mark=mark))
    record = folder / "record.jsonl"
    record.unlink(missing_ok=True)
    base = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-W",
        "ignore",
        "-p",
        "tests.suite.record",
        f"--record={record}",
    ]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [*base, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return read(record), done.stdout + done.stderr


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_outcomes_are_written(tmp_path: Path, more: tuple[str, ...]) -> None:
    found, said = run(tmp_path, "other", *more)
    outcomes = {"test_own.py::test_one": "passed", "test_own.py::test_two": "failed"}
    assert found.outcomes == outcomes | {"test_own.py::test_three": "skipped"}, said
    assert found.reasons == {"test_own.py::test_three": "no reason"}
    assert found.complete


@pytest.mark.parametrize(("mark", "before"), [("ordered", True), ("other", False)])
def test_what_a_test_builds_on_is_repeated_with_it(tmp_path: Path, mark: str, before: bool) -> None:
    (tmp_path / "mended").touch()
    found, said = run(tmp_path, mark, "--repeat=test_own.py::test_two")
    assert found.outcomes["test_own.py::test_two"] == "passed"
    assert ("ran one" in said) is before
    assert "test_own.py::test_three" not in found.outcomes


def test_a_crash_leaves_an_incomplete_record(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("def pytest_runtest_teardown(item):\n    import os; os._exit(9)\n")
    found, _ = run(tmp_path, "other")
    assert not found.complete


def test_a_module_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import nowhere\n")
    found, _ = run(tmp_path, "other")
    assert found.outcomes["test_broken.py"] == "failed"


def test_an_error_after_a_test_is_its_failure(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(autouse=True)\ndef own():\n    yield\n    assert False\n"
    )
    found, _ = run(tmp_path, "other", "-k", "one")
    assert found.outcomes == {"test_own.py::test_one": "failed"}


def test_a_flaky_test_is_repeated_in_a_new_process(tmp_path: Path) -> None:
    """`test_two` fails in the stage; by the time of its repeat the fault is gone."""
    run(tmp_path, "other")
    (tmp_path / "mended").touch()
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_ADDOPTS": "-W ignore"}
    words = [sys.executable, "-m", "tests.suite.verdict", "record.jsonl"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "  test_own.py::test_two" in lines
    assert lines[-1] == "1 passed, 0 failed, 1 skipped"
