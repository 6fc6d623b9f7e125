"""Where notices go: a log line each, metrics, and Events, which are written in the background."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from kbootstrap.autoscaler.model import Notice
from kbootstrap.autoscaler.ports import KubernetesCalls
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.redact import Redactor

AGAIN = 60.0
"""Seconds between two writings of the same Event; what happens in between is counted."""
_WAITING = 1000
"""Events that wait for the API at most; the log has those beyond."""


class NoticeReports:
    """Receives notices (`fleet.Report`). `write` writes a line of the log."""

    def __init__(self, redactor: Redactor, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._redactor, self._write, self._clock = redactor, write, clock
        self._counts: dict[Notice, int] = {}
        self._written: dict[Notice, float] = {}
        self._waiting: dict[Notice, None] = {}
        self.count: Callable[[Notice], None] = lambda _notice: None

    def __call__(self, notice: Notice) -> None:
        """Log a notice, count it, and let its Event be written."""
        self.log(
            "notice",
            reason=notice.reason,
            group=notice.group,
            name=notice.name,
            message=notice.message,
            level="warning" if notice.warning else "info",
        )
        self.count(notice)
        if notice in self._counts or len(self._counts) < _WAITING:
            self._counts[notice] = self._counts.get(notice, 0) + 1
            self._waiting[notice] = None

    def log(self, event: str, **fields: object) -> None:
        """Write one JSON object as a line of the log, without empty fields and without secrets."""
        found = {key: value for key, value in fields.items() if value is not None and value != ""}
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._write(
            self._redactor.clean(json.dumps({"time": time, "event": event, **found}, ensure_ascii=False))
        )

    def step(self, event: Event) -> None:
        """Log how a step of an installation ended; other events of it are not logged."""
        if event.type is Type.STEP and event.status in {Status.DONE, Status.FAILED}:
            seconds = None if event.seconds is None else round(event.seconds, 3)
            self.log(
                "step",
                name=event.node,
                step=event.step,
                status=event.status.value,
                seconds=seconds,
                message=event.detail,
            )

    async def run(self, kubernetes: KubernetesCalls, leading: Callable[[], bool]) -> None:
        """Write Events until cancelled. One that the API refuses stays in the log only."""
        while True:
            await asyncio.sleep(1.0)
            now = self._clock()
            for notice in [one for one in self._waiting if now - self._written.get(one, -AGAIN) >= AGAIN]:
                del self._waiting[notice]
                self._written[notice] = now
                if leading():
                    await self._event(kubernetes, notice)
            self._forget(now)

    async def _event(self, kubernetes: KubernetesCalls, notice: Notice) -> None:
        clean = replace(notice, message=self._redactor.clean(notice.message))
        try:
            await kubernetes.report(clean, self._counts[notice])
        except KbootstrapError as error:
            self.log("event not written", reason=notice.reason, message=error.message, level="warning")

    def _forget(self, now: float) -> None:
        """Forget what has not happened for a while; Kubernetes forgets Events after an hour too."""
        for notice, at in list(self._written.items()):
            if now - at >= 60 * AGAIN and notice not in self._waiting:
                del self._written[notice], self._counts[notice]
