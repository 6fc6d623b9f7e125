"""Uninstalls Kubernetes from a machine that is kept: one idempotent script (`uninstall.sh`)."""

from __future__ import annotations

import re
from typing import Literal

from kbootstrap.cluster.deadlines import UNINSTALL
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

Found = Literal["removed", "unprovisioned", "foreign"]
"""What became of the machine: clean now; nothing of ours was there; it carries another cluster, and was left
alone."""


async def uninstall(host: Host, distro: Distribution, cluster: str | None = None) -> Found:
    """Remove everything that kbootstrap and the distribution installed on the machine, with all data.

    Only where our stamp says that the machine is ours, of `cluster` (None: whichever). The stamp goes last,
    so the next run resumes an interrupted one. Raises `InstallFailed` (KB0828) when something stays, and
    what `Host.run` raises.
    """
    output = await host.run(script(distro, cluster), deadline=UNINSTALL, check=False)
    said = re.search(r"^kbootstrap-uninstall (removed|unprovisioned|foreign)$", output.stdout, re.MULTILINE)
    if output.status != 0 or said is None:
        raise InstallFailed(
            f"{distro.name} could not be removed from {host.name}",
            hint="look at what is left there, then run the same command again: it resumes where it stopped",
            detail=output.tail or None,
            code="KB0828",
            host=host.name,
        )
    word = said[1]
    return "removed" if word == "removed" else "foreign" if word == "foreign" else "unprovisioned"


def script(distro: Distribution, cluster: str | None = None) -> str:
    """Return the whole script for a distribution."""
    paths = distro.paths
    values = {
        "name": distro.name,
        "cluster": cluster or "",
        "data": paths.data,
        "config": paths.config,
        "token": paths.token,
        "agent_token": paths.agent_token,
        "kubeconfig": paths.kubeconfig,
        "binary": paths.binary,
        "stamp": paths.stamp,
        "run": paths.run,
        "volatile": "/run/kbootstrap",
        "belongings": " ".join(distro.belongings),
        "units": f"{distro.unit('server')} {distro.unit('agent')}",
        "programs": ":".join(distro.program_folders),
        "bridge": distro.network.bridge,
        "links": " ".join(distro.network.links),
        "first": " ".join(distro.network.first),
        "globs": " ".join(distro.network.globs),
        "theirs": distro.network.rules,
        "sets": distro.network.sets,
        "folders": " ".join(distro.network.folders),
    }
    return shell_script(__package__, "sweep.sh", "uninstall.sh", **values)
