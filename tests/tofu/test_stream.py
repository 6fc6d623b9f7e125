from __future__ import annotations

import json

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.tofu.stream import Stream

ADDRESS = 'module.pool_web.terraform_data.node["dev-web-1"]'


def stream() -> tuple[Stream, list[Event]]:
    events: list[Event] = []
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    return Stream("dev", events.append, redactor), events


def message(kind: str, **more: object) -> str:
    hook = {"resource": {"addr": ADDRESS}, "action": "create", **more}
    return json.dumps({"type": kind, "@message": f"{kind} hunter2-hunter2", "hook": hook})


def test_resources_become_steps_of_their_node() -> None:
    reader, events = stream()
    reader.line(message("apply_start"))
    reader.line(message("apply_progress", elapsed_seconds=10))
    reader.line(message("apply_complete", elapsed_seconds=12))
    reader.line(message("apply_errored", elapsed_seconds=13))
    assert {(e.cluster, e.node, e.step) for e in events} == {("dev", "dev-web-1", f"create {ADDRESS}")}
    assert [(e.type, e.status, e.seconds, e.done) for e in events] == [
        (Type.STEP, Status.STARTED, None, None),
        (Type.PROGRESS, None, None, 10),
        (Type.STEP, Status.DONE, 12.0, None),
        (Type.STEP, Status.FAILED, 13.0, None),
    ]


def test_what_is_created_is_reported_with_its_id() -> None:
    created: list[tuple[str, str]] = []
    reader = Stream("dev", lambda _event: None, Redactor(), lambda *found: created.append(found))
    reader.line(message("apply_start", id_value="no"))
    reader.line(message("apply_errored", id_value="no"))
    reader.line(message("apply_complete", id_key="id", id_value="8b77"))
    for action in ("delete", "update", "read"):
        reader.line(message("apply_complete", action=action, id_value="no"))
    assert created == [(ADDRESS, "8b77")]


def test_everything_else_is_log_without_secrets() -> None:
    reader, events = stream()
    reader.line(message("provision_progress"))
    reader.line('{"@message": "hello"}')
    reader.line("no json hunter2-hunter2")
    reader.line("[1, 2]")
    reader.other("from stderr")
    reader.other("   ")
    reader.line("{}")
    assert [(e.type, e.node, e.detail) for e in events] == [
        (Type.LOG, "dev-web-1", f"provision_progress {MASK}"),
        (Type.LOG, None, "hello"),
        (Type.LOG, None, f"no json {MASK}"),
        (Type.LOG, None, "[1, 2]"),
        (Type.LOG, None, "from stderr"),
    ]
    assert reader.noise == ["no json hunter2-hunter2", "[1, 2]", "from stderr"]


def test_waiting_for_another_run_is_reported() -> None:
    for after, status in (("version", Status.DONE), ("diagnostic", Status.FAILED)):
        reader, events = stream()
        reader.line('{"type": "state_lock_acquire"}')
        reader.line(json.dumps({"type": after}))
        reader.line(json.dumps({"type": after}))
        assert [e.status for e in events if e.type is Type.STEP] == [Status.WAITING, status]


def test_diagnostics_are_kept() -> None:
    reader, events = stream()
    reader.line('{"type": "diagnostic", "@message": "Error: x", "diagnostic": {"summary": "x"}}')
    reader.line('{"type": "diagnostic", "diagnostic": 3, "hook": 4}')
    assert reader.diagnostics == [{"summary": "x"}]
    assert [e.detail for e in events] == ["Error: x"]


def test_odd_hooks_do_no_harm() -> None:
    reader, events = stream()
    reader.line('{"type": "apply_start", "hook": {}}')
    reader.line('{"type": "apply_progress", "hook": {"resource": 3}}')
    assert [e.step for e in events] == ["change", "change"]
