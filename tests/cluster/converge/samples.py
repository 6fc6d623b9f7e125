"""Names of nodes, paths and plans in tests of converging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.steps.plan import Plan
from tests.cluster.world import api, facts

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
TOKEN, AGENT = "/etc/rancher/k3s/kbootstrap-token", "/etc/rancher/k3s/kbootstrap-agent-token"


def plan_of(
    desired: DesiredCluster, states: Mapping[str, Any], seen: Mapping[str, Any] | None = None
) -> Plan:
    return decide(desired, facts(desired, states), api(desired, seen))
