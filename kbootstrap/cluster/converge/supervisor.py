"""Waits until a server takes joining nodes, which is a moment after its API is ready."""

from __future__ import annotations

import shlex

from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host

_TRIES = 100


async def await_supervisor(host: Host, distro: Distribution) -> None:
    """Wait until a server that serves also gives joining nodes their configuration; never fails.

    A node that asks too early is refused ("runtime core not ready"), and asks again 5 to 10 s later (k3s
    source, `pkg/agent/config/config.go`, `pkg/server/router.go`).
    """
    ask = _ask(distro, f"https://127.0.0.1:{distro.registration_port}")
    await host.run(
        f"for _ in $(seq {_TRIES}); do said=$({ask} 2>&1) && break; "
        'case $said in *"not ready"* | *navailable*) sleep 0.2 ;; *) break ;; esac; done',
        deadline=COMMAND,
        check=False,
    )


async def joins_through(host: Host, distro: Distribution, registration: str) -> bool:
    """Return whether nodes can join through a URL, as a server that serves sees it. Raises as `Host.run`."""
    output = await host.run(f"{_ask(distro, registration)} >/dev/null 2>&1", deadline=COMMAND, check=False)
    return output.status == 0


def _ask(distro: Distribution, url: str) -> str:
    """Return the command line that asks for a server's readiness; the server's own kubelet may ask."""
    return shlex.join(
        (
            *distro.command("kubectl"),
            f"--kubeconfig={distro.paths.data}/agent/kubelet.kubeconfig",
            f"--server={url}",
            "--request-timeout=5s",
            "get",
            f"--raw=/v1-{distro.name}/readyz",
        )
    )
