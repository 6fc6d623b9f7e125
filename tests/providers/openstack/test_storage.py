from __future__ import annotations

import pytest

from kbootstrap.providers.openstack.storage import lock_problems
from kbootstrap.spec.model import Spec

from .cloud import openstack


def spec(settings: str) -> Spec:
    return openstack(more=f"state: {{backend: {{s3: {{bucket: b, {settings}}}}}}}\n")


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ("endpoint: https://s3.pub1.infomaniak.cloud, use_lockfile: true", 1),
        ("endpoints: {s3: https://s3.gra.io.cloud.ovh.net}, use_lockfile: true", 1),
        ("endpoint: https://s3.pub1.infomaniak.cloud", 0),
        ("endpoint: https://s3.example.org, use_lockfile: true", 0),
        ("use_lockfile: true", 0),
    ],
)
def test_a_lock_where_none_can_be(settings: str, count: int) -> None:
    found = list(lock_problems(spec(settings)))
    assert [problem.code for problem in found] == ["KB0358"] * count
    assert all(problem.span for problem in found)
