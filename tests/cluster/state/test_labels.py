from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.labels import patch
from kbootstrap.spec.model import Taint
from tests.cluster.world import taint

WEB = taint("dedicated=web:NoSchedule")
LOST = taint("node.kubernetes.io/unreachable:NoExecute")


def node(**fields: object) -> ApiNode:
    return ApiNode("n", ready=True, version="v1", resource_version="7", **fields)  # type: ignore[arg-type]


def test_nothing_wanted_and_nothing_set() -> None:
    assert patch(node(labels={"foreign": "1"}, taints=(LOST,)), {}, ()) is None


def test_set_and_remember() -> None:
    assert patch(node(), {"tier": "web"}, ()) == {
        "metadata": {
            "labels": {"tier": "web"},
            "annotations": {"kbootstrap/applied": '{"labels":["tier"],"taints":[]}'},
            "resourceVersion": "7",
        }
    }


def test_our_labels_are_removed_and_others_stay() -> None:
    found = node(
        labels={"old": "1", "foreign": "1"},
        taints=(WEB, LOST),
        taint_times={"node.kubernetes.io/unreachable:NoExecute": "2026-11-22T12:00:00Z"},
        applied='{"labels":["old","gone"],"taints":["dedicated:NoSchedule"]}',
    )
    assert patch(found, {}, ()) == {
        "metadata": {
            "labels": {"old": None},
            "annotations": {"kbootstrap/applied": None},
            "resourceVersion": "7",
        },
        "spec": {
            "taints": [
                {
                    "key": "node.kubernetes.io/unreachable",
                    "effect": "NoExecute",
                    "timeAdded": "2026-11-22T12:00:00Z",
                }
            ]
        },
    }


def test_a_changed_value() -> None:
    found = node(taints=(WEB,), applied='{"labels":[],"taints":["dedicated:NoSchedule"]}')
    change = patch(found, {}, (taint("dedicated=db:NoSchedule"),))
    assert change is not None
    assert change["spec"] == {"taints": [{"key": "dedicated", "effect": "NoSchedule", "value": "db"}]}


def test_a_spoilt_annotation_counts_as_none() -> None:
    for spoilt in ("{", "[]", "3", '{"labels": 3}', "null"):
        change = patch(node(labels={"a": "1"}, applied=spoilt), {"b": "2"}, ())
        assert change is not None
        assert change["metadata"]["labels"] == {"b": "2"}


NAMES = st.sampled_from(["a", "b", "c", "d"])
TAINTS = st.builds(
    Taint, NAMES, st.sampled_from(["", "1", "2"]), st.sampled_from(["NoSchedule", "NoExecute"])
)


def once(values: list[Taint]) -> tuple[Taint, ...]:
    return tuple({(t.key, t.effect): t for t in values}.values())


@given(
    st.dictionaries(NAMES, st.sampled_from("12")),
    st.lists(TAINTS).map(once),
    st.dictionaries(NAMES, st.sampled_from("12")),
    st.lists(TAINTS).map(once),
)
def test_a_patched_node_needs_no_patch(
    labels: dict[str, str], taints: tuple[Taint, ...], wanted: dict[str, str], wishes: tuple[Taint, ...]
) -> None:
    found = node(labels=labels, taints=taints)
    change = patch(found, wanted, wishes)
    if change is None:
        return
    meta = change["metadata"]
    merged = {k: v for k, v in {**labels, **meta.get("labels", {})}.items() if v is not None}
    after = [
        Taint(t["key"], t.get("value", ""), t["effect"]) for t in change.get("spec", {}).get("taints", ())
    ]
    applied = meta.get("annotations", {}).get("kbootstrap/applied")
    again = node(labels=merged, taints=tuple(after) if "spec" in change else taints, applied=applied)
    assert patch(again, wanted, wishes) is None
    assert set(wishes) <= set(again.taints)
    assert {k: merged[k] for k in wanted} == wanted


def test_labels_of_the_system_that_an_earlier_spec_set_are_not_removed() -> None:
    applied = '{"labels":["kubernetes.io/arch","kubernetes.io/hostname"],"taints":[]}'
    for labels in ({"kubernetes.io/hostname": "foo", "kubernetes.io/arch": "amd64"}, {}):
        change = patch(node(labels=labels, applied=applied), {}, ())
        assert change is not None
        assert change["metadata"]["labels"] == {"kubernetes.io/hostname": "n"}
    change = patch(node(labels={"kubernetes.io/hostname": "n"}, applied=applied), {}, ())
    assert change is not None
    assert "labels" not in change["metadata"]
