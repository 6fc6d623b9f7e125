"""A timeline as a file in the Chrome trace event format, which Perfetto and chrome://tracing open.

Format: "Trace Event Format" of the Chromium project: complete events (`ph` "X", times in microseconds), and
metadata events (`ph` "M") with the names of processes and threads. A cluster is a process, a node a thread.
Complete events of a thread must not overlap, so steps that ran at the same time on one node are on several
threads: `web-1`, `web-1 (2)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kbootstrap.timeline.critical_path import critical_path
from kbootstrap.timeline.kinds import kind
from kbootstrap.timeline.rows import Row, rows
from kbootstrap.timeline.spans import Timeline, TimelineSpan
from kbootstrap.views.addresses import step_text
from kbootstrap.views.screen import harmless

_PHASES = "phases"


def trace(timeline: Timeline) -> str:
    """Return the file. Events on the critical path have the category `critical_path`."""
    path = {id(link.span) for link in critical_path(timeline.spans) if link.span}
    events: list[dict[str, Any]] = []
    clusters: dict[str, int] = {}
    thread = 0
    for row in rows(timeline.spans):
        if row.cluster not in clusters:
            clusters[row.cluster] = len(clusters) + 1
            events.append(
                _metadata("process_name", clusters[row.cluster], 0, harmless(row.cluster) or "kbootstrap")
            )
        process = clusters[row.cluster]
        for name, lane in zip(_threads(row), row.lanes, strict=True):
            thread += 1
            events += [
                _metadata("thread_name", process, thread, name),
                {**_metadata("thread_sort_index", process, thread, ""), "args": {"sort_index": thread}},
                *(_complete(span, process, thread, critical=id(span) in path) for span in lane),
            ]
    document = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "command": "kbootstrap apply",
            "began": timeline.began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _threads(row: Row) -> Iterator[str]:
    """Yield the name of each lane."""
    counts: dict[str, int] = {}
    for lane in row.lanes:
        name = harmless(row.node or (_PHASES if lane[0].step is None else "steps without a node"))
        counts[name] = counts.get(name, 0) + 1
        yield name if counts[name] == 1 else f"{name} ({counts[name]})"


def _metadata(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def _complete(span: TimelineSpan, process: int, thread: int, *, critical: bool) -> dict[str, Any]:
    begin = round(span.begin * 1e6)
    name = span.phase if span.step is None else step_text(span.step, node=span.node)
    arguments = {
        "step": harmless(span.step or ""),
        "phase": harmless(span.phase),
        "status": "unfinished" if span.unfinished else span.status.value,
        "detail": harmless(span.detail),
    }
    return {
        "name": harmless(name),
        "cat": f"{kind(span).value},critical_path" if critical else kind(span).value,
        "ph": "X",
        "ts": begin,
        "dur": round(span.end * 1e6) - begin,
        "pid": process,
        "tid": thread,
        "args": {key: value for key, value in arguments.items() if value},
    }
