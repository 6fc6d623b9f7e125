"""The last snapshot: found with the facts, and judged by the schedule."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kbootstrap.cluster.decide.last_snapshots import LastSnapshots, judge, problems
from kbootstrap.cluster.observe.facts import parse, script
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.core.diagnostics import Severity
from kbootstrap.distros import find
from kbootstrap.spec.model import S3, Snapshots

K3S = find("k3s")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUCKET = S3(bucket="b", endpoint="s3.example.org", region="r", folder="", credentials=None)
EVERY_HOUR = Snapshots("0 * * * *", 5, None)
COPIED = Snapshots("0 * * * *", 5, BUCKET)


def snapshot(age: timedelta, place: str = "a") -> Snapshot:
    made = int((NOW - age).timestamp())
    return Snapshot(f"etcd-snapshot-{place}-{made}", place, made, 1000)


def server(name: str, age: timedelta | None, *, old: timedelta = 30 * DAY) -> NodeFacts:
    authority = Certificate("server/tls/server-ca.crt", NOW + 3000 * DAY, "ca", NOW - old)
    found = None if age is None else snapshot(age, name)
    return NodeFacts(name, time=NOW, etcd=True, snapshot=found, certificates=(authority,))


def test_the_newest_of_all_servers_counts() -> None:
    facts = {"a": server("a", 3 * HOUR), "b": server("b", HOUR / 2), "agent": NodeFacts("agent", time=NOW)}
    found = judge(EVERY_HOUR, facts)
    assert found == LastSnapshots(NOW, server=snapshot(HOUR / 2, "b"), schedule="0 * * * *")
    assert found.newest == snapshot(HOUR / 2, "b")


def test_nothing_is_known_without_a_server() -> None:
    assert judge(EVERY_HOUR, {"agent": NodeFacts("agent", time=NOW)}) is None
    assert list(problems(None)) == []


@pytest.mark.parametrize(
    ("wanted", "age", "old", "late"),
    [
        (EVERY_HOUR, timedelta(minutes=74), 30 * DAY, False),
        (EVERY_HOUR, timedelta(minutes=76), 30 * DAY, True),
        (EVERY_HOUR, None, 30 * DAY, True),
        (EVERY_HOUR, None, timedelta(minutes=74), False),
        (EVERY_HOUR, None, timedelta(minutes=76), True),
        (Snapshots("0 0 30 2 *", 5, None), None, 30 * DAY, False),
        (Snapshots("@weekly", 5, None), 7 * DAY, 30 * DAY, False),
        (Snapshots("@weekly", 5, None), 8 * DAY, 30 * DAY, True),
        (None, None, 30 * DAY, False),
        (None, 300 * DAY, 3000 * DAY, False),
    ],
)
def test_late(wanted: Snapshots | None, age: timedelta | None, old: timedelta, late: bool) -> None:
    found = judge(wanted, {"a": server("a", age, old=old)})
    assert found is not None
    assert found.late == (("servers",) if late else ())


def test_the_bucket_is_judged_by_itself() -> None:
    facts = {"a": server("a", HOUR)}
    found = judge(COPIED, facts, [snapshot(3 * DAY, "s3"), snapshot(2 * DAY, "s3")])
    assert found is not None
    assert found.bucket == snapshot(2 * DAY, "s3")
    assert found.newest == snapshot(HOUR)
    (said,) = problems(found)
    assert (said.code, said.severity) == ("KB0882", Severity.WARNING)
    assert said.reason == (
        "Of the snapshots in the bucket the newest is of 2026-11-24 12:00 UTC; the schedule is `0 * * * *`."
    )


def test_a_bucket_that_cannot_be_looked_at_is_not_late() -> None:
    found = judge(COPIED, {"a": server("a", None)}, (), "it does not answer")
    assert found is not None
    assert (found.late, found.problem, found.newest) == (("servers",), "it does not answer", None)
    (said,) = problems(found)
    assert said.reason.startswith("Of the snapshots on the servers there is none;")


def test_a_cluster_whose_age_is_unknown_is_not_late() -> None:
    found = judge(EVERY_HOUR, {"a": NodeFacts("a", time=NOW, etcd=True)})
    assert found is not None
    assert found.late == ()


def listed(folder: Path) -> Snapshot | None:
    text = script(K3S).replace(f"snapshots={K3S.paths.snapshots}\n", f"snapshots='{folder}'\n", 1)
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return parse("here", done.stdout, K3S, now=0.0).snapshot


def test_the_newest_file_is_read_with_the_facts(tmp_path: Path) -> None:
    folder = tmp_path / "db snapshots"
    assert listed(folder) is None
    folder.mkdir()
    assert listed(folder) is None
    for age, name in ((300, "etcd-snapshot-a-1795353000"), (200, "by hand"), (100, "half.part")):
        (folder / name).write_bytes(b"x" * age)
        os.utime(folder / name, (1795353800 - age,) * 2)
    assert listed(folder) == Snapshot("by hand", "here", 1795353600, 200)
    (folder / "by hand").unlink()
    assert listed(folder) == Snapshot("etcd-snapshot-a-1795353000", "here", 1795353000, 300)
