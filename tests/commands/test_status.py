"""What makes a cluster good, and what of the look is no failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.decide.last_snapshots import LastSnapshots
from kbootstrap.commands.status import _copies, _elsewhere
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.core.redact import Redactor
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.spec.model import S3, FromEnvironment, Snapshots

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ROW = NodeStatus("a", "server", True, True, "active", True, "v1", "v1", True)
GOOD = ClusterStatus("c", "local", rows=(ROW,))
GONE = Drift("infrastructure", "module.network.terraform_data.network", "docker has no network")
WARNING = Diagnostic("KB0880", "Soon.", severity=Severity.WARNING)


@pytest.mark.parametrize(
    ("cluster", "good", "pending"),
    [
        (GOOD, True, False),
        (replace(GOOD, diagnostics=(WARNING,)), True, False),
        (replace(GOOD, snapshots=LastSnapshots(NOW, problem="it does not answer")), True, False),
        (replace(GOOD, snapshots=LastSnapshots(NOW, late=("s3",))), False, False),
        (replace(GOOD, diagnostics=(replace(WARNING, severity=Severity.ERROR),)), False, False),
        (replace(GOOD, note="no credentials"), False, False),
        (replace(GOOD, drift=(GONE,)), False, True),
        (replace(GOOD, rows=(replace(ROW, ready=False),)), False, False),
        (replace(GOOD, rows=(ROW, replace(ROW, pending=("wait until the node is Ready",)))), False, True),
        (replace(GOOD, rows=(ROW, replace(ROW, drift=(GONE,)))), False, True),
        (ClusterStatus("c", "local", made=False), False, True),
    ],
)
def test_good_and_pending(cluster: ClusterStatus, good: bool, pending: bool) -> None:
    assert (cluster.good, cluster.pending) == (good, pending)


def test_what_belongs_to_no_node() -> None:
    gone = {
        "module.network.terraform_data.network": "docker has no network",
        'module.pool_web.terraform_data.node["c-web-1"]': "docker has no container c-web-1",
    }
    assert _elsewhere("c", gone) == (GONE,)


def context(snapshots: Snapshots | None, folder: Path) -> Any:  # noqa: ANN401 - the part that is used
    return SimpleNamespace(
        cluster=SimpleNamespace(snapshots=snapshots),
        spec=SimpleNamespace(path=folder / "spec.yaml"),
        runtime=SimpleNamespace(env={}, redactor=Redactor()),
    )


async def test_without_a_bucket_there_is_no_request(tmp_path: Path) -> None:
    assert await _copies(context(None, tmp_path)) == ((), "")
    assert await _copies(context(Snapshots("@daily", 5, None), tmp_path)) == ((), "")


@pytest.mark.parametrize(
    ("credentials", "problem"), [(FromEnvironment("KB_S3"), "KB_S3_ACCESS_KEY"), (None, "127.0.0.1:9")]
)
async def test_a_bucket_that_cannot_be_looked_at_is_reported(
    tmp_path: Path, credentials: FromEnvironment | None, problem: str
) -> None:
    """Keys that this machine does not have, or a port without a listener."""
    bucket = S3("b", "127.0.0.1:9", "r", None, credentials, insecure=True)
    found, why = await _copies(context(Snapshots("@daily", 5, bucket), tmp_path))
    assert not found
    assert problem in why
