"""A rehearsal on its machine: isolates the restored cluster, and reads its contents.

Everything that a snapshot has may begin to act once an API server has it: pods, CronJobs, controllers of
clouds, webhooks, schedules of snapshots. Three fences stand before that, and the service cannot start
without them: no workload runs on the machine, and no snapshot is made (`Distribution.fence`: k3s has no
kubelet then, so no container ever runs); no connection that begins on the machine gets out of it.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.observe.server_command import ask_server, said
from kbootstrap.cluster.snapshots.restore import mark
from kbootstrap.cluster.state.restore_mark import REHEARSAL, Mark
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.model import Distribution
from kbootstrap.distros.yaml_files import dump
from kbootstrap.hosts.model import Host

FENCE = "/usr/local/sbin/kbootstrap-fence"
_FENCE = """\
#!/bin/sh
# Written by kbootstrap. For the rehearsal of a snapshot: no outgoing connection is allowed. Incoming ones are
# answered; the engine's resolver would ask others for us.
set -eu
forbid() {
  "$@" -w -C OUTPUT $rule 2>/dev/null || "$@" -w -A OUTPUT $rule
}
rule='! -o lo -m conntrack --ctstate NEW -j REJECT'
forbid iptables
[ -z "$(ip -6 -o address show scope global 2>/dev/null)" ] || forbid ip6tables
rule='-d 127.0.0.11 -j REJECT'
forbid iptables
"""
_KINDS = {
    "namespaces": "Namespace",
    "deployments.apps": "Deployment",
    "statefulsets.apps": "StatefulSet",
    "daemonsets.apps": "DaemonSet",
    "cronjobs.batch": "CronJob",
    "services": "Service",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "customresourcedefinitions.apiextensions.k8s.io": "CustomResourceDefinition",
}
_LOOK = 120.0
_NAMED = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
"""Kinds that are listed by name."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a restored cluster: `nodes` are versions by name, `workloads` `namespace/name` by kind.

    `counts` has every kind that is looked at, also those that there are none of.
    """

    namespaces: tuple[str, ...]
    workloads: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    nodes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The result of a rehearsal. `seconds` from the start until the API answered.

    `spec` and `kubeconfig` are those of a cluster that was kept, None where it is gone.
    """

    cluster: str
    snapshot: Snapshot
    contents: Contents
    seconds: float
    spec: Path | None = None
    kubeconfig: Path | None = None


async def fence(host: Host, distro: Distribution, label: str) -> None:
    """Isolate the machine, before the snapshot is copied to it; raises `InstallFailed` (KB0891).

    The mark keeps `apply` away from a rehearsal that is kept.
    """
    await mark(host, Mark(label, REHEARSAL, new=True))
    config = f"{distro.paths.drop_ins}/90-kbootstrap-rehearsal.yaml"
    await host.put(settings(distro).encode(), config, mode=0o600, deadline=COMMAND)
    await host.put(_FENCE.encode(), FENCE, mode=0o755, deadline=COMMAND)
    unit = f"/etc/systemd/system/{distro.unit('server')}.d/10-kbootstrap-rehearsal.conf"
    await host.put(f"[Service]\nExecStartPre={FENCE}\n".encode(), unit, mode=0o644, deadline=COMMAND)
    output = await host.run(FENCE, deadline=COMMAND, check=False)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name} cannot be isolated, so nothing is restored on it",
            hint="its kernel must support iptables and connection tracking, like that of a Kubernetes node",
            detail=output.tail or None,
            code="KB0891",
            host=host.name,
        )


def settings(distro: Distribution) -> str:
    """Return the drop-in of the configuration."""
    return dump(distro.fence, note="A rehearsal: no workload runs, and no snapshot is made.")


async def contents(host: Host, distro: Distribution) -> Contents:
    """Read the contents of the restored cluster; secrets are counted on the machine and never leave it.

    They are read and so deciphered by the API server: a snapshot whose key is lost fails here.
    """
    kubectl = shlex.join(distro.command("kubectl", "--kubeconfig", distro.paths.kubeconfig))
    form = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
    command = f"{kubectl} get {','.join(_KINDS)} --all-namespaces -o jsonpath={shlex.quote(form)}"
    output = await ask_server(host, command, distro.unit("server"), deadline=_LOOK)
    if output.status != 0:
        raise InstallFailed(
            f"{host.name}: the contents of the restored cluster cannot be read{said(output)}",
            hint="the snapshot may be damaged, or its secrets cannot be decrypted; rehearse another one",
            detail=output.tail or None,
            code="KB0892",
            host=host.name,
        )
    return read(output.stdout)


def read(said: str) -> Contents:
    """Read lines of `Kind namespace/name`; pure."""
    rows = re.findall(r"^(\w+) (\S*)/(\S+)$", said, re.MULTILINE)
    counted = Counter(kind for kind, _, _ in rows)
    return Contents(
        namespaces=tuple(sorted(name for kind, _, name in rows if kind == "Namespace")),
        workloads={
            kind: tuple(sorted(f"{space}/{name}" for one, space, name in rows if one == kind))
            for kind in _NAMED
        },
        counts={kind: counted[kind] for kind in _KINDS.values()},
    )
