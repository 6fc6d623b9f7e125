"""A snapshot is restored on several servers, after an attempt that was killed."""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab
from tests.e2e.recovery.names import NODES, SERVERS
from tests.e2e.restores import restored_after_a_kill, saved

pytestmark = [pytest.mark.full]


def test_saved_and_restored(cluster: Lab) -> None:
    saved(cluster, SERVERS[0])
    restored_after_a_kill(cluster, NODES)
