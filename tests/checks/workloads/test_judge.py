"""All rules together: what cannot be read is unknown, and the example of the documentation has no fault."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.codecs import from_dict
from ruamel.yaml import YAML

from kbootstrap.checks.report import Outcome
from kbootstrap.checks.workloads.judge import CHECKS, judge
from kbootstrap.checks.workloads.objects import KINDS, Item, by_namespace
from kbootstrap.cluster.state.listing import Listing
from tests.checks.workloads.samples import api, autoscaler, budget, deployment, namespace, pod
from tests.specs import CHECKOUT

GOOD = (deployment(replicas=3), budget(), autoscaler(), api(), pod())
EXAMPLE = CHECKOUT / "docs" / "examples" / "web.yaml"


def example() -> list[dict[str, Any]]:
    return [dict(one) for one in YAML(typ="safe", pure=True).load_all(EXAMPLE.read_text("utf-8"))]


def test_a_good_namespace_passes_every_rule_that_applies() -> None:
    found = judge([namespace(*GOOD)])
    assert {one.outcome for one in found} == {Outcome.PASSED}
    assert {check.rule.id for check in CHECKS} - {one.rule.id for one in found} == {
        "single-replica",
        "system-without-budget",
    }


def test_the_example_of_the_documentation_passes() -> None:
    found = judge([namespace(*example(), api())])
    assert {one.rule.id for one in found} >= {"no-requests", "no-budget", "no-spread", "hpa-minimum"}
    assert {one.outcome for one in found} == {Outcome.PASSED}


@pytest.mark.parametrize("item", example(), ids=lambda item: item["kind"])
def test_the_example_is_one_of_the_api(item: dict[str, Any]) -> None:
    """The models drop keys that the API does not have."""
    model: Any = from_dict(item)
    assert model.to_dict() == item


def test_without_the_metrics_api_the_example_does_not_scale() -> None:
    failed = [one for one in judge([namespace(*example())]) if one.outcome is Outcome.FAILED]
    assert [one.rule.id for one in failed] == ["hpa-inactive"]


def test_without_objects_there_is_no_result() -> None:
    assert judge([namespace()]) == ()
    assert judge([]) == ()


@given(st.sets(st.sampled_from(sorted(KINDS)), min_size=1), st.sampled_from([(), GOOD]))
def test_what_cannot_be_read_is_unknown_and_never_passed(kinds: set[str], items: tuple[Item, ...]) -> None:
    found = judge([namespace(*items, refused=dict.fromkeys(kinds, "forbidden"))])
    for check in CHECKS:
        own = [one for one in found if one.rule is check.rule]
        for kind in check.subjects:
            if kinds & {kind, *check.needs}:
                of_kind = [one for one in own if one.subject.kind == kind]
                assert [(one.outcome, one.subject.name) for one in of_kind] == [(Outcome.UNKNOWN, "")]
        if not kinds & {*check.subjects, *check.needs}:
            assert Outcome.UNKNOWN not in {one.outcome for one in own}
    said = next(one.found for one in found if one.outcome is Outcome.UNKNOWN)
    assert said.partition(": ")[0] in kinds
    assert said.endswith("forbidden")


def test_identifiers_are_unique_and_texts_are_sentences() -> None:
    rules = [check.rule for check in CHECKS]
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.means.endswith(".") and not rule.title.endswith(".") for rule in rules)


def test_every_kind_that_a_rule_reads_is_listed() -> None:
    read = {kind for check in CHECKS for kind in (*check.subjects, *check.needs)}
    assert read == set(KINDS)


def test_objects_are_sorted_into_their_namespaces() -> None:
    here, there = deployment("a"), deployment("b")
    there["metadata"]["namespace"] = "other"
    volume = {"kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {}}
    found = {
        "Deployment": Listing((here, there)),
        "PersistentVolume": Listing((volume,)),
        "Pod": Listing(refused="forbidden"),
    }
    shop, other = by_namespace(["shop", "other"], found)
    assert (shop.of("Deployment"), other.of("Deployment")) == ((here,), (there,))
    assert shop.of("PersistentVolume") == other.of("PersistentVolume") == (volume,)
    assert shop.refused(["Deployment"]) == ""
    assert shop.refused(["Deployment", "Pod"]) == "Pod: forbidden"
    assert shop.refused(["LimitRange"]) == "LimitRange: it was not read"


def test_paths() -> None:
    assert KINDS["Deployment"].path() == "/apis/apps/v1/deployments"
    assert KINDS["Pod"].path("shop") == "/api/v1/namespaces/shop/pods"
    assert KINDS["PersistentVolume"].path("shop") == "/api/v1/persistentvolumes"


def test_the_documentation_lists_every_rule() -> None:
    page = (CHECKOUT / "docs" / "workloads.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", page, re.MULTILINE)
    assert rows == [(check.rule.id, str(check.rule.severity)) for check in CHECKS]
