from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import pytest

from kbootstrap.core.errors import (
    ClustersFailed,
    Declined,
    Interrupted,
    KbootstrapError,
    Locked,
    PrerequisiteMissing,
    SpecInvalid,
    TofuFailed,
    WrongUsage,
)
from kbootstrap.views.errors import error_json, show_error

from .conftest import Show, shown
from .samples import DIAGNOSTICS, ERROR

LOG = Path(".kbootstrap/local.run/events-20261122T130200Z.jsonl")


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("error", lambda stream, env: show_error(ERROR, stream, env, log=LOG, changed=True))


def test_a_spec_that_is_not_valid_speaks_through_its_problems() -> None:
    error = SpecInvalid("specs/dev.yaml is not valid", diagnostics=DIAGNOSTICS[:1])
    text = shown(lambda stream, env: show_error(error, stream, env))
    assert "is not valid" not in text
    assert text.endswith("1 error; nothing was changed\n")


def test_tofu_speaks_first_and_the_error_says_what_it_means() -> None:
    error = TofuFailed("tofu apply failed", diagnostics=DIAGNOSTICS[:1])
    text = shown(lambda stream, env: show_error(error, stream, env, changed=True))
    assert text.index("Subnets overlap") < text.index("error: tofu apply failed")
    assert "1 error; some changes were made" in text


@pytest.mark.parametrize("kind", [SpecInvalid, WrongUsage, Declined, Locked])
def test_failures_before_any_change(kind: type[KbootstrapError]) -> None:
    text = shown(lambda stream, env: show_error(kind("no"), stream, env))
    assert text.endswith("nothing was changed\n")


def test_an_interruption_is_not_an_error() -> None:
    text = shown(lambda stream, env: show_error(Interrupted("interrupted"), stream, env))
    assert text == "stopped: interrupted\n"


def test_long_evidence_keeps_its_end() -> None:
    error = KbootstrapError("no", detail="\n".join(f"line {n}" for n in range(100)))
    text = shown(lambda stream, env: show_error(error, stream, env))
    assert "(60 lines before)" in text
    assert "line 59\n" not in text
    assert "line 99\n" in text


def test_json() -> None:
    document = json.loads(error_json(ERROR, log=LOG, changed=True))
    assert document["exit_code"] == 8
    assert document["type"] == "InstallFailed"
    assert document["host"] == "local-default-1"
    assert document["log"] == str(LOG)
    assert document["changed"] is True
    assert json.loads(error_json(Declined("no")))["changed"] is False


def several() -> ClustersFailed:
    """Of five clusters one is done; two have a failure in common."""
    refused = SpecInvalid("this change of cluster shop is refused", diagnostics=DIAGNOSTICS[:1])
    engine = [PrerequisiteMissing("docker does not respond", hint="start it", code="KB0602") for _ in "12"]
    failures = {"local": ERROR, "dev": engine[0], "shop": refused, "test": engine[1]}
    return ClustersFailed(failures, 5, ["web"])


def test_several_clusters(in_all_widths: Callable[[str, Show], None]) -> None:
    def show(stream: TextIO, env: Mapping[str, str]) -> None:
        show_error(several(), stream, env, log=LOG, changed=True)

    in_all_widths("error-clusters", show)


def test_one_of_several_clusters() -> None:
    error = ClustersFailed({"dev": KbootstrapError("no")}, 3)
    text = shown(lambda stream, env: show_error(error, stream, env, changed=False))
    assert text == "error: no\n  --> cluster dev\n1 of 3 clusters failed: dev\nnothing was changed\n"


def test_json_of_several_clusters() -> None:
    """Programs that read one failure get that of the first cluster; the exit code is of the same."""
    document = json.loads(error_json(several(), log=LOG, changed=True))
    alone = json.loads(error_json(ERROR, log=LOG, changed=True))
    assert {key: document[key] for key in alone} == alone
    assert document["cluster"] == "local"
    assert document["done"] == ["web"]
    assert [(one["cluster"], one["exit_code"], one.get("code")) for one in document["failures"]] == [
        ("local", 8, "KB0804"),
        ("dev", 5, "KB0602"),
        ("shop", 3, None),
        ("test", 5, "KB0602"),
    ]
    assert document["failures"][2]["diagnostics"][0]["code"] == "KB0203"
