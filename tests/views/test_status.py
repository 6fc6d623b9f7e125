from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest

from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.core import resources
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.views.status import age, show_status
from kbootstrap.views.status_data import data, status_json

from .conftest import Show
from .samples import CLUSTERS, NOW

SCHEMA = json.loads((resources.schemas() / "status.json").read_text(encoding="utf-8"))


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("status", lambda stream, env: show_status(CLUSTERS, stream, env))


def test_json() -> None:
    document = json.loads(status_json("dev", CLUSTERS, NOW))
    jsonschema.validate(document, SCHEMA)
    assert (document["version"], document["kind"], document["spec"]) == (1, "status", "dev")
    assert (document["good"], document["time"]) == (False, "2026-11-26T12:00:00Z")
    assert [cluster["good"] for cluster in document["clusters"]] == [True, False, False]
    local, production, test = document["clusters"]
    assert local["nodes"][0]["etcd"] is True
    assert local["nodes"][0]["certificates"]["leaf"] == {
        "name": "agent/client-kubelet.crt",
        "not_after": "2027-11-25T12:00:00Z",
        "days": 364,
    }
    assert local["snapshots"]["server"]["made"] == "2026-11-26T09:55:00Z"
    assert production["nodes"][2]["drift"] == [
        {"kind": "version", "what": "Kubernetes", "why": "the node runs v1.31.0+k3s1"}
    ]
    assert production["snapshots"]["late"] == ["servers"]
    assert (test["made"], test["pending"], test["snapshots"]) == (False, True, None)


def test_the_schema_is_closed_and_complete() -> None:
    """Every object says which keys there are, requires them, and explains them."""

    def walk(schema: dict[str, object]) -> None:
        if "properties" in schema:
            keys = schema["properties"]
            assert isinstance(keys, dict)
            assert schema["additionalProperties"] is False
            for key, value in keys.items():
                assert value.get("description"), key
                walk(value)
        for inner in ("items", "definitions"):
            found = schema.get(inner)
            for value in found.values() if inner == "definitions" and isinstance(found, dict) else [found]:
                if isinstance(value, dict):
                    walk(value)

    walk(SCHEMA)
    changes: list[dict[str, object]] = [{"version": 2}, {"extra": 1}, {"clusters": [{}]}]
    for change in changes:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**json.loads(status_json("dev", CLUSTERS, NOW)), **change}, SCHEMA)


def test_one_line_for_programs_that_follow() -> None:
    assert "\n" not in status_json("dev", CLUSTERS, NOW, lines=True)
    assert json.loads(status_json("dev", CLUSTERS, NOW, lines=True)) == json.loads(
        status_json("dev", CLUSTERS, NOW)
    )


def test_pending_is_what_apply_would_change() -> None:
    good, changed, new = CLUSTERS
    assert [one["pending"] for one in data([good, changed, new])["clusters"]] == [False, True, True]
    row: NodeStatus = changed.rows[1]
    assert not row.good
    only_sick = ClusterStatus("x", "local", rows=(row,))
    assert (only_sick.good, only_sick.pending) == (False, False)


ROW = NodeStatus("s1", "server", True, True, "active", True, "v1", "v1", True)
WAIT = Drift("other", "wait until the node is Ready", "its service was started a moment ago")


def shown(row: NodeStatus) -> str:
    stream = io.StringIO()
    show_status([ClusterStatus("c", "local", rows=(row,))], stream, {})
    return stream.getvalue()


def test_what_is_only_waited_for_is_counted_and_named() -> None:
    text = shown(replace(ROW, pending=(WAIT.what,), waits=(WAIT,)))
    assert "    wait until the node is Ready: its service was started a moment ago\n" in text
    assert "1 of 1 node Ready, 1 not settled yet" in text
    assert "as the spec says" not in text


def test_an_elastic_node_is_marked() -> None:
    assert "agent, elastic" in shown(replace(ROW, role="agent", etcd=None, elastic=True))
    assert "elastic" not in shown(ROW)


def test_a_machine_that_is_being_created_is_no_difference() -> None:
    row = replace(ROW, role="agent", etcd=None, desired=False, ready=False, reason="no network")
    row = replace(row, elastic=True, passing="being created")
    cluster = ClusterStatus("c", "local", rows=(row,))
    assert (cluster.good, cluster.pending) == (True, False)
    text = shown(row)
    assert "being created" in text
    assert "not in the spec" not in text
    assert "no network" not in text


def test_what_the_kubelet_says_is_shown_once() -> None:
    wait = replace(WAIT, why="PLEG is not healthy")
    text = shown(replace(ROW, ready=False, reason=wait.why, pending=(wait.what,), waits=(wait,)))
    assert text.count("PLEG is not healthy") == 1
    assert "1 not settled yet" in text


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (ROW, "voter"),
        (replace(ROW, etcd=False), "no"),
        (replace(ROW, etcd=None, joining=True), "joining"),
        (replace(ROW, etcd=None, ready=None), "unknown"),
        (replace(ROW, etcd=None, ready=None, service="activating"), "unknown"),
        (replace(ROW, etcd=None, ready=None, service="absent"), ""),
        (replace(ROW, etcd=None, role="agent"), ""),
    ],
)
def test_etcd_always_has_a_word_for_a_server_that_runs(row: NodeStatus, word: str) -> None:
    line = shown(row).splitlines()[2]
    state = {"absent": "service absent", "activating": "service activating"}.get(row.service, "")
    state = state or ("Ready" if row.ready else "service active")
    assert line.split() == ["s1", row.role, *state.split(), "v1", *([word] if word else [])]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=2, minutes=5), "2 h 05 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 d"),
    ],
)
def test_age(time: timedelta, text: str) -> None:
    assert age(time) == text


def test_what_the_operating_system_waits_for() -> None:
    cluster = CLUSTERS[0]
    many = tuple(f"lib{n}" for n in range(6))
    waiting = Upkeep("apt", True, ("linux-base",), many, age=3 * 86400)
    silent = Upkeep("apt", unread="apt has no package lists")
    for upkeep, lines in (
        (
            waiting,
            [
                "    its machine must be rebooted (linux-base)",
                "    6 security updates pending (lib0, lib1, lib2, lib3 and 2 more); the package",
                "    lists are 3 d old",
            ],
        ),
        (silent, ["    pending security updates are unknown: apt has no package lists"]),
        (Upkeep("apt", updates=()), []),
        (None, []),
    ):
        rows = (replace(cluster.rows[0], upkeep=upkeep),)
        stream = io.StringIO()
        show_status([replace(cluster, rows=rows)], stream, {"NO_COLOR": "1", "COLUMNS": "80"})
        shown = [line.rstrip() for line in stream.getvalue().splitlines()]
        assert [line for line in shown if line.startswith("    ")] == lines
        assert replace(cluster, rows=rows).good is cluster.good
    document = data([replace(cluster, rows=(replace(cluster.rows[0], upkeep=waiting),))])
    assert document["clusters"][0]["nodes"][0]["os"] == {
        "reboot_required": True,
        "reboot_packages": ["linux-base"],
        "security_updates": [*many],
        "lists_days": 3,
        "unknown": None,
    }
