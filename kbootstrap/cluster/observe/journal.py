"""Evidence: the last lines of a unit's journal, and what they mean."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from kbootstrap import distros
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host

LINES = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """A known message, with its meaning and a remedy."""

    pattern: re.Pattern[str]
    meaning: str
    help: str


def _cause(pattern: str, meaning: str, text: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), meaning, text)


_PASSWORDS = " or ".join(one.password_secret("NAME") for one in distros.every())
CAUSES = (
    _cause(
        r"unknown service runtime\.v1\.RuntimeService|too many open files",
        "containerd is not usable, most often because the machine is out of inotify instances",
        "raise the limit: sysctl fs.inotify.max_user_instances=8192; then restart the service; "
        "else look at agent/containerd/containerd.log below /var/lib/rancher on the machine",
    ),
    _cause(
        r"no space left on device",
        "its disk is full",
        "make room on the machine: df -h; then run the same command again",
    ),
    _cause(
        r"node password rejected|duplicate hostname",
        "the cluster knows a node of this name with another password",
        f"kubectl delete node NAME and the secret {_PASSWORDS} in kube-system; run again",
    ),
    _cause(
        r"token CA hash does not match|invalid token|not authorized|401 Unauthorized",
        "the cluster refuses its token",
        "recreate the machine, or remove kbootstrap's token files below /etc/rancher on it and run again",
    ),
    _cause(
        r"newer than datastore and could cause a cluster outage",
        "the machine's copy of a file is newer than the cluster's: the machine had another token",
        "if a rotation of tokens was interrupted, `kbootstrap apply` completes it; otherwise move the "
        "named file away, so that the service uses the cluster's, and run again",
    ),
    _cause(
        r"critical configuration (value )?mismatch",
        "its settings differ from those of the other servers",
        "settings like cluster-cidr must be equal on all servers: the journal names the one that differs",
    ),
    _cause(
        r'"(iptables|ip6tables)": executable file not found|no iptables support for family',
        "iptables is not installed, or its kernel does not know it",
        "install the package iptables on the machine; the service then starts by itself",
    ),
    _cause(
        r"address already in use",
        "another program listens on a port that it needs",
        "find it with: ss -lntp; stop it, and run again",
    ),
    _cause(
        r"x509: certificate (has expired or )?is not (yet )?valid",
        "its clock or the server's is wrong",
        "set the clocks: timedatectl; then run again",
    ),
    _cause(
        r"failed to find memory cgroup", "the kernel cannot limit memory", "see `kbootstrap explain KB0805`"
    ),
    _cause(
        r"invalid kernel (flag|parameter)",
        "the machine does not have the kernel settings that `profile: cis` requires",
        "set those that the journal names with sysctl; in a container that may not, set them on its machine",
    ),
    _cause(
        r"oom_score_adj|can't get final child's PID",
        "containers cannot start here: the machine may not lower oom_score_adj (CAP_SYS_RESOURCE)",
        "give the machine that capability, or run another kind of machine",
    ),
)


def causes(text: str) -> Cause | None:
    """Return the first known cause that a text shows."""
    return next((cause for cause in CAUSES if cause.pattern.search(text)), None)


async def read(host: Host, unit: str, redactor: Redactor) -> str:
    """Return the last lines of the unit's journal, redacted, or a note that they could not be read."""
    command = f"journalctl --no-pager -o cat -n {LINES} -u {shlex.quote(unit)}"
    try:
        output = await host.run(command, deadline=COMMAND, check=False)
    except KbootstrapError as error:
        return f"(the journal cannot be read: {error.message})"
    return redactor.clean(output.stdout.strip() or "(the journal is empty)")


async def explain(
    kind: type[KbootstrapError], message: str, *, host: Host, unit: str, code: str, redactor: Redactor
) -> KbootstrapError:
    """Return the error for a failing unit: host, unit, last lines of its journal, and a command to run."""
    text = await read(host, unit, redactor)
    cause = causes(text)
    return kind(
        f"{host.name}: {message}" + (f": {cause.meaning}" if cause else ""),
        hint=(f"{cause.help}\n" if cause else "")
        + f"to look further: kbootstrap ssh {host.name} -- sudo journalctl -u {unit} -n 200",
        detail=text,
        code=code,
        host=host.name,
    )
