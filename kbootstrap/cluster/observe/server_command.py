"""Runs commands that a server's service answers; they are retried while the service is not ready.

A server that has just started answers its API some time before it takes snapshots or writes. How it refuses
depends on the moment: no connection, a status of 503 or 500, an error of etcd (k3s v1.32,
`pkg/util/apierrors.go`, `pkg/cluster/router.go`, `pkg/etcd/snapshot.go`). So a refusal counts as "not ready
yet" when its text says so, and any refusal does while the service is starting or has started a moment ago.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import Awaitable, Callable

from kbootstrap.cluster.deadlines import COMMAND, SETTLING
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.pauses import growing
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts import failures
from kbootstrap.hosts.model import Host, Output

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 2.0
"""Seconds between two attempts; the pause grows from the first value to the second."""
_NOT_READY = re.compile(
    r"(apiserver|runtime core) not ready"
    r"|service ?unavailable|currently unable to handle the request|unable to return a response"
    r"|\b503\b.*starting|not fully initialized"
    r"|connection (refused|reset)|tls handshake timeout|unable to connect to the server"
    r"|unexpected eof|: eof\b"
    r"|failed to get ca certs|failed to check etcd status"
    r"|etcdserver: (no leader|leader changed|request timed out|not capable|too many requests)"
    r"|already in progress",
    re.IGNORECASE,
)
"""What servers and their clients write while a server, or etcd as a whole, is not ready."""
_DOWN = ("inactive", "failed", "deactivating")
_STARTING = ("activating", "reloading")

Waiting = Callable[[str], None]


async def ask_server(
    host: Host,
    command: str,
    unit: str,
    *,
    deadline: float,
    waiting: Waiting | None = None,
    accepted: Callable[[Output], Awaitable[bool]] | None = None,
) -> Output:
    """Run a command that the service `unit` answers, and return the output of the last attempt.

    A refusal by a service that is not ready yet is tried again, for at most `SETTLING` seconds; `deadline` is
    for one attempt. The command must bear being run twice. `waiting` is called with the reason before each
    further attempt. `accepted` decides whether an attempt succeeded; without it, exit status 0 does.
    Raises as `Host.run` without `check`: the caller reports a status that is not 0.
    """
    end, pauses = time.monotonic() + SETTLING, growing(_FIRST_PAUSE, _LONGEST_PAUSE)
    while True:
        output = await host.run(command, deadline=deadline, check=False)
        if output.status == 0 and (accepted is None or await accepted(output)):
            return output
        pause = next(pauses)
        if time.monotonic() + pause > end or not await _may_become_ready(host, unit, output):
            return output
        if waiting:
            waiting(f"{unit} is not ready for this yet{said(output)}")
        await asyncio.sleep(pause)


def said(output: Output) -> str:
    """Return the last line of a command's output as the end of a sentence: `: LINE`; empty without output.

    It is redacted where messages and events leave the program, and therefore never cut here: half a secret
    would not be found.
    """
    lines = [line.strip() for line in output.tail.splitlines() if line.strip()]
    if not lines:
        return ""
    return f": {' '.join(lines[-1].split())}"


def refused(host: Host, command: str, output: Output, redactor: Redactor) -> InstallFailed:
    """Return the error for a command that the service refused: host, command, last line of the output."""
    error = failures.command_failed(host.name, command, output, redactor)
    return InstallFailed(
        f"{error.message}{redactor.clean(said(output))}",
        detail=error.detail,
        hint=error.hint,
        code=error.code,
        host=error.host,
    )


def not_ready(output: Output) -> bool:
    """Return whether a refusal means that the server, or etcd, is not ready."""
    return bool(_NOT_READY.search(f"{output.stdout}\n{output.stderr}"))


async def _may_become_ready(host: Host, unit: str, output: Output) -> bool:
    """Return whether waiting helps: a stopped service does not start by itself."""
    state, age = await _state(host, unit)
    if state in _DOWN:
        return False
    return state in _STARTING or (state == "active" and age < SETTLING) or not_ready(output)


async def _state(host: Host, unit: str) -> tuple[str, float]:
    """Return the state of a unit, and for how many seconds it has had it; an empty state is unknown.

    systemd counts microseconds since boot, without suspends, as /proc/uptime nearly does.
    """
    command = (
        f"systemctl show -p ActiveState -p ActiveEnterTimestampMonotonic {shlex.quote(unit)}; "
        "echo uptime=$(cut -d. -f1 /proc/uptime)"
    )
    lines = (await host.run(command, deadline=COMMAND, check=False)).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    entered, uptime = found.get("ActiveEnterTimestampMonotonic", ""), found.get("uptime", "")
    known = entered.isdigit() and uptime.isdigit() and int(entered) > 0
    age = int(uptime) - int(entered) / 1e6 if known else SETTLING
    return found.get("ActiveState", ""), age
