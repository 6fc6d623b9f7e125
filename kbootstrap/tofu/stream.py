"""Converts the JSON lines of a running plan or apply into events.

Format: "Machine-Readable UI" in the documentation of OpenTofu (version 1.x; unknown types are kept as log).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kbootstrap.core.events import Emit, Event, Status, Type
from kbootstrap.core.redact import Redactor
from kbootstrap.render.address import node
from kbootstrap.tofu.settle import report_wait

_STATUS = {"apply_start": Status.STARTED, "apply_complete": Status.DONE, "apply_errored": Status.FAILED}

OnCreated = Callable[[str, str], None]
"""Called with the address and the ID of each resource as soon as it is created."""


def unheard(_address: str, _id: str) -> None:
    """Ignore a created resource."""


class Stream:
    """Reads the lines of one process; collects its diagnostics, and lines that are not JSON in `noise`."""

    def __init__(self, cluster: str, emit: Emit, redactor: Redactor, on_created: OnCreated = unheard) -> None:
        self._cluster = cluster
        self._emit = emit
        self._redactor = redactor
        self._on_created = on_created
        self.diagnostics: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self._waiting = False

    def line(self, text: str) -> None:
        """Read a line of stdout."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.other(text)
            return
        kind = message.get("type")
        hook = message.get("hook")
        self._lock(kind)
        if kind == "diagnostic" and isinstance(message.get("diagnostic"), dict):
            self.diagnostics.append(message["diagnostic"])
        if kind in _STATUS and isinstance(hook, dict):
            self._step(_STATUS[kind], hook)
            if kind == "apply_complete" and hook.get("action") == "create":
                self._on_created(_address(hook), str(hook.get("id_value", "")))
        elif kind == "apply_progress" and isinstance(hook, dict):
            self._progress(hook)
        else:
            self._log(str(message.get("@message", "")), hook if isinstance(hook, dict) else {})

    def _lock(self, kind: object) -> None:
        """Report while tofu waits for another run to release the state."""
        if kind == "state_lock_acquire":
            self._waiting = True
            status = Status.WAITING
        elif self._waiting:
            self._waiting = False
            status = Status.FAILED if kind == "diagnostic" else Status.DONE
        else:
            return
        report_wait(self._emit, self._cluster, status)

    def other(self, text: str) -> None:
        """Read a line of stderr, or one that is not JSON."""
        if text.strip():
            self.noise.append(text)
            self._log(text, {})

    def _step(self, status: Status, hook: dict[str, Any]) -> None:
        address = _address(hook)
        seconds = hook.get("elapsed_seconds")
        self._emit(
            Event(
                type=Type.STEP,
                cluster=self._cluster,
                node=node(address, self._cluster),
                step=_step_name(hook),
                status=status,
                seconds=None if seconds is None else float(seconds),
            )
        )

    def _progress(self, hook: dict[str, Any]) -> None:
        self._emit(
            Event(
                type=Type.PROGRESS,
                cluster=self._cluster,
                node=node(_address(hook), self._cluster),
                step=_step_name(hook),
                done=int(hook.get("elapsed_seconds") or 0),
                unit="s",
            )
        )

    def _log(self, text: str, hook: dict[str, Any]) -> None:
        detail = self._redactor.clean(text).strip()
        if detail:
            owner = node(_address(hook), self._cluster)
            self._emit(Event(type=Type.LOG, cluster=self._cluster, node=owner, detail=detail))


def _address(hook: dict[str, Any]) -> str:
    resource = hook.get("resource")
    return str(resource.get("addr", "")) if isinstance(resource, dict) else ""


def _step_name(hook: dict[str, Any]) -> str:
    """Return the name of a step: `create module.pool_web.terraform_data.node["production-web-1"]`."""
    return f"{hook.get('action', 'change')} {_address(hook)}".strip()
