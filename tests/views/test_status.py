from __future__ import annotations

import json
from collections.abc import Callable

from kbootstrap.views.status import show_status, status_json

from .conftest import Show
from .samples import CLUSTERS


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("status", lambda stream, env: show_status(CLUSTERS, stream, env))


def test_json() -> None:
    document = json.loads(status_json(CLUSTERS))
    assert [cluster["good"] for cluster in document["clusters"]] == [True, False, False]
    assert document["clusters"][0]["nodes"][0]["etcd"] is True
