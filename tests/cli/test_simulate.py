"""`autoscaler simulate` and the budget as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.specs import CHECKOUT, SPECS

from .test_commands import run

SPEC = SPECS / "autoscaling.yaml"
TRACE = CHECKOUT / "specs" / "autoscaling-trace.csv"
COMMAND = ("autoscaler", "simulate")


def test_the_example_is_simulated(tmp_path: Path) -> None:
    done = run(*COMMAND, SPEC, TRACE, "--picture", "load.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("production  48h 00m of load\n")
    ET.fromstring((tmp_path / "load.svg").read_text("utf-8"))  # noqa: S314 - our own
    said = (CHECKOUT / "docs" / "autoscaling.md").read_text("utf-8")
    assert done.stdout.rstrip() in said


def test_json_has_every_sample_in_bounds(tmp_path: Path) -> None:
    done = run(*COMMAND, SPEC, TRACE, "-o", "json", "--boot", "5m", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["pending"]["longest_seconds"] >= 330
    web = [index for index, group in enumerate(found["groups"]) if group["pool"] == "web"]
    assert {sum(sample["nodes"][index] for index in web) for sample in found["samples"]} <= set(range(2, 10))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([SPEC, "none.csv"], 64, "the load trace none.csv cannot be read"),
        ([SPECS / "local.yaml", TRACE], 64, "no pool is autoscaled"),
        ([SPEC, TRACE, "-c", "nope"], 64, "has no cluster 'nope'"),
        ([SPEC, TRACE, "--flavor", "b3-8"], 64, "not NAME=CPU/MEMORY"),
        ([SPEC, TRACE, "--flavor", "b3-8=lots"], 64, "not CPU/MEMORY"),
        ([SPEC, TRACE, "--flavor", "b3-9=2/8Gi"], 64, "no pool of cluster production has the flavor 'b3-9'"),
        ([SPEC, "zeros.csv"], 64, "is too large"),
        ([SPEC, "binary.csv"], 64, "it is not text"),
        ([SPEC, TRACE, "--boot", "soon"], 64, "is not a duration"),
        ([SPEC, TRACE, "--picture", "load.pdf"], 64, "must end in .svg or .png"),
        ([SPECS / "exponent.yaml", TRACE], 3, "KB0430"),
        ([SPECS / "exponent.yaml", "empty.csv"], 3, "has no rows"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str | Path], code: int, said: str) -> None:
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
    with (tmp_path / "zeros.csv").open("wb") as file:
        file.truncate(2**24 + 1)
    done = run(*COMMAND, *words, cwd=tmp_path)
    assert said in " ".join(done.stderr.split())
    assert done.returncode == code


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_spec_that_exceeds_its_budget_is_refused(tmp_path: Path, command: str) -> None:
    text = SPEC.read_text("utf-8").replace("monthly: 900", "monthly: 90")
    spec = tmp_path / "shop.yaml"
    spec.write_text(text, encoding="utf-8")
    done = run(command, spec, cwd=tmp_path)
    assert done.returncode == 3
    assert "KB0422" in done.stderr
    assert "the budget is EUR 90.00" in " ".join(done.stderr.replace("|", "").replace("=", "").split())
    assert run("validate", SPEC, cwd=tmp_path).returncode == 0
