from __future__ import annotations

import json
from collections.abc import Callable

from kbootstrap.views.doctor import checks_json, show_checks

from .conftest import Show, shown
from .samples import CHECKS


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths("doctor", lambda stream, env: show_checks(CHECKS, stream, env))


def test_all_is_well() -> None:
    text = shown(lambda stream, env: show_checks(CHECKS[:2], stream, env))
    assert text.endswith("\nall requirements are met\n")


def test_json() -> None:
    document = json.loads(checks_json(CHECKS))
    assert document["good"] is False
    assert document["checks"][2]["ok"] is False
