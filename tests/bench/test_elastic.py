"""Where the time of an elastic node went, from the log of the autoscaler's server."""

from __future__ import annotations

from typing import Any

from bench.elastic import shares


def line(second: float, event: str, name: str, **fields: object) -> dict[str, Any]:
    return {"time": f"2026-11-30T05:00:{second:06.3f}Z", "event": event, "name": name, **fields}


def test_boot_and_start_are_not_its_own() -> None:
    found = shares(
        [
            line(0, "machine", "a", phase="wanted"),
            line(0, "machine", "b", phase="wanted"),
            line(1, "machine", "a", phase="creating"),
            line(9, "machine", "a", phase="installing"),
            line(11, "step", "a", step="connect", status="done", seconds=2.0),
            line(13, "step", "a", step="write the configuration", status="done", seconds=0.1),
            line(16, "step", "a", step="start k3s-agent", status="done", seconds=3.0),
            line(20, "step", "a", step="wait until the node is Ready", status="done", seconds=4.0),
            line(21, "machine", "a", phase="running"),
            line(30, "machine", "b", phase="failed"),
        ]
    )
    [one] = found
    assert (one.name, one.total, one.boot, one.start, one.own) == ("a", 21.0, 10.0, 7.0, 4.0)


def test_a_machine_that_another_server_requested_is_left_out() -> None:
    seen = [line(0, "machine", "a", phase="installing"), line(5, "machine", "a", phase="running")]
    assert shares(seen) == []
