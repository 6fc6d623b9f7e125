"""Rules about maintenance of machines."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.spec.model import Cluster, Spec


def reboots(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Require a window for automatic reboots."""
    found = cluster.maintenance
    if found and found.reboot == "auto" and found.window is None:
        path: SpecPath = ("clusters", cluster.name, "maintenance", "reboot")
        yield Diagnostic(
            "KB0369",
            "Machines must not be rebooted at any time of the day, and `maintenance` has no `window`.",
            'Write `window: {days: [sat, sun], from: "02:00", to: "05:00"}`, or `reboot: never`.',
            spec.source.key(path),
        )


def length(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a window that ends when it begins."""
    window = cluster.maintenance.window if cluster.maintenance else None
    if window and window.begin == window.end:
        path: SpecPath = ("clusters", cluster.name, "maintenance", "window", "to")
        yield Diagnostic(
            "KB0370",
            f"The window begins and ends at {window.end:%H:%M}.",
            "Write another time for `to`; one that is earlier than `from` is on the next day.",
            spec.source.value(path),
        )
