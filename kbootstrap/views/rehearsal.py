"""Shows the result of a rehearsal: as lines for people, and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from rich.text import Text

from kbootstrap.cluster.snapshots.rehearsal import Rehearsed
from kbootstrap.views.amounts import bytes_text, count, duration
from kbootstrap.views.screen import Screen, harmless

VERSION = 1
"""Of the JSON form."""
_DAY = 86400
_NOUNS = {
    "Namespace": "namespace",
    "Deployment": "deployment",
    "StatefulSet": "stateful set",
    "DaemonSet": "daemon set",
    "CronJob": "cron job",
    "Service": "service",
    "ConfigMap": "config map",
    "Secret": "secret",
    "PersistentVolumeClaim": "claim",
    "CustomResourceDefinition": "custom resource definition",
}


def show_rehearsal(done: Rehearsed, now: float, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the result, the contents of the snapshot, and what was kept. `now` is epoch."""
    screen, snapshot, found = Screen(stream, env), done.snapshot, done.contents
    head = f"{snapshot.name} of cluster {done.cluster} can be restored: its API answered after "
    screen.paragraph(Text(f"{screen.symbols.done} ", "green"), harmless(f"{head}{duration(done.seconds)}"))
    made = f"{datetime.fromtimestamp(snapshot.made, UTC):%Y-%m-%d %H:%M:%S} UTC"
    rows = {
        "from": snapshot.place,
        "made": f"{made}, {age(now - snapshot.made)} ago",
        "size": bytes_text(snapshot.size),
        "nodes": ", ".join(f"{name} ({version})" for name, version in found.nodes.items()),
        "namespaces": ", ".join(found.namespaces),
    }
    rows |= {f"{_NOUNS[kind]}s": ", ".join(names) for kind, names in found.workloads.items() if names}
    shown = {"Namespace", *found.workloads}
    rows["also"] = ", ".join(count(found.counts[kind], _NOUNS[kind]) for kind in _NOUNS if kind not in shown)
    width = max(map(len, rows))
    for name, text in rows.items():
        head_of_row = Text(f"  {name:{width}}  ", style="bold")
        screen.paragraph(head_of_row, harmless(text), indent=width + 4)
    if done.spec is None:
        screen.paragraph("", "The temporary cluster was removed.")
        return
    screen.paragraph(
        "", "The temporary cluster is kept. No container runs in it. Inspect it, then remove it:"
    )
    screen.line(harmless(f"  kubectl --kubeconfig {shlex.quote(str(done.kubeconfig))} get all -A"))
    screen.line(harmless(f"  kbootstrap destroy {shlex.quote(str(done.spec))}"))


def rehearsal_json(done: Rehearsed, now: float) -> str:
    """Return the same as one JSON document."""
    snapshot, found = done.snapshot, done.contents
    return json.dumps(
        {
            "version": VERSION,
            "cluster": done.cluster,
            "snapshot": {
                "name": snapshot.name,
                "place": snapshot.place,
                "made": datetime.fromtimestamp(snapshot.made, UTC).isoformat(),
                "age_seconds": max(0, round(now - snapshot.made)),
                "size": snapshot.size,
            },
            "seconds": round(done.seconds, 1),
            "nodes": dict(found.nodes),
            "namespaces": found.namespaces,
            "workloads": {kind: list(names) for kind, names in found.workloads.items()},
            "counts": dict(found.counts),
            "kept": {"spec": str(done.spec), "kubeconfig": str(done.kubeconfig)} if done.spec else None,
        },
        indent=2,
    )


def age(seconds: float) -> str:
    """Write an age for people: `41s`, `2h 05m`, `3 days`."""
    return count(int(seconds // _DAY), "day") if seconds >= 2 * _DAY else duration(seconds)
