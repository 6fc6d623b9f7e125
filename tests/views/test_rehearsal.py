from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kbootstrap.cluster.snapshots.rehearsal import Rehearsed, read
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.views.rehearsal import age, rehearsal_json, show_rehearsal

from .conftest import Show

MADE = 1795698232
SAID = """\
Namespace /default
Namespace /shop
Deployment shop/web
Deployment shop/api
CronJob shop/bill-customers
Secret shop/card
Secret kube-system/x
Service default/kubernetes
"""
DONE = Rehearsed(
    "production",
    Snapshot("etcd-snapshot-production-control-plane-1-1795698232", "s3", MADE, 18_400_000),
    replace(read(SAID), nodes={f"production-{name}-1": "v1.32.0+k3s1" for name in ("control-plane", "web")}),
    23.4,
)
KEPT = replace(DONE, spec=Path("/work/.kbootstrap/x.yaml"), kubeconfig=Path("/work/.kbootstrap/kubeconfig"))


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("rehearsal", lambda stream, env: show_rehearsal(DONE, MADE + 7300, stream, env))
    in_all_widths("rehearsal-kept", lambda stream, env: show_rehearsal(KEPT, MADE + 10**6, stream, env))


def test_json() -> None:
    document = json.loads(rehearsal_json(DONE, MADE + 60))
    assert document["snapshot"]["age_seconds"] == 60
    assert document["workloads"]["Deployment"] == ["shop/api", "shop/web"]
    assert document["counts"]["Secret"] == 2
    assert document["counts"]["DaemonSet"] == 0
    assert document["kept"] is None
    assert json.loads(rehearsal_json(KEPT, MADE))["kept"]["kubeconfig"] == "/work/.kbootstrap/kubeconfig"


def test_ages() -> None:
    assert [age(41), age(7500), age(3 * 86400)] == ["41s", "2h 05m", "3 days"]
