from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.event_log import KEPT, EventLog, redacted
from kbootstrap.core.events import Event, Type
from kbootstrap.core.redact import MASK, Redactor

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def test_every_event_is_there_at_once(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "run", now=lambda: NOON)
    assert log.path.name == "events-20261122T120000Z.jsonl"
    assert log.path.stat().st_mode & 0o777 == 0o600
    log.on_event(Event(type=Type.LOG, detail="é\nsecond"))
    log.on_event(Event(type=Type.LOG, detail="two"))
    lines = [json.loads(line) for line in log.path.read_text("utf-8").splitlines()]
    assert [line["detail"] for line in lines] == ["é\nsecond", "two"]
    log.close()
    log.close()
    log.on_event(Event(type=Type.LOG, detail="too late"))


def test_two_runs_in_one_second(tmp_path: Path) -> None:
    logs = [EventLog(tmp_path, now=lambda: NOON) for _ in range(2)]
    assert logs[0].path != logs[1].path
    for log in logs:
        log.close()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").touch()
    for number in range(KEPT + 3):
        EventLog(tmp_path, now=lambda number=number: NOON + timedelta(seconds=number)).close()  # type: ignore[misc]
    names = sorted(path.name for path in tmp_path.glob("events-*"))
    assert len(names) == KEPT
    assert names[0] == "events-20261122T120003Z.jsonl"
    assert (tmp_path / "kubeconfig").exists()


def test_a_folder_that_is_not_writable() -> None:
    with pytest.raises(PrerequisiteMissing, match="event log"):
        EventLog(Path("/proc/run"))


def test_secrets_reach_no_sink_and_a_broken_sink_stops_no_other() -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    seen: list[Event] = []

    def broken(_event: Event) -> None:
        raise OSError

    emit = redacted(redactor, broken, seen.append)
    emit(Event(type=Type.STEP, node="n", step="login hunter22", detail="token hunter22!"))
    assert (seen[0].step, seen[0].detail, seen[0].node) == (f"login {MASK}", f"token {MASK}!", "n")
