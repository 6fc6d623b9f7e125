"""Cluster Autoscaler itself, as a process of this machine: a release's program that a variable names."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.autoscaler import HOST, Scaler, free_port
from tests.e2e.lab import kill_now, wait_for

VARIABLE = "KBOOTSTRAP_TEST_CLUSTER_AUTOSCALER"
FLAGS = (
    "--cloud-provider=externalgrpc",
    "--expander=price",
    "--leader-elect=false",
    "--scan-interval=3s",
    "--scale-down-delay-after-add=10s",
    "--scale-down-delay-after-delete=0s",
    # Up to 1.34 the spec's `scale_down_after` takes its place.
    "--scale-down-unneeded-time=15s",
    # A node whose pods fit nowhere else is looked at again after so long.
    "--unremovable-node-recheck-timeout=5s",
    "--v=4",
)
"""The loop of production, with short delays."""


def binary() -> str:
    """Return the program; empty if the variable names none."""
    return os.environ.get(VARIABLE, "")


@contextmanager
def cluster_autoscaler(server: Scaler, *flags: str) -> Iterator[Path]:
    """Run the program against the server until the end of the block; returns its log."""
    folder = server.lab.folder
    pki = folder / "pki"
    config = folder / "cloud-config.yaml"
    config.write_text(
        f"address: {HOST}:{server.port}\n"
        f"cacert: {pki / 'ca.crt'}\ncert: {pki / 'client.crt'}\nkey: {pki / 'client.key'}\n",
        encoding="utf-8",
    )
    log = folder / "cluster-autoscaler.log"
    kubeconfig = server.lab.env["KUBECONFIG"]
    own = (f"--cloud-config={config}", f"--kubeconfig={kubeconfig}", f"--address={HOST}:{free_port()}")
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            [binary(), *FLAGS, *own, *flags],
            cwd=folder,
            env=server.lab.env,
            stdout=out,
            stderr=out,
            text=True,
        )
        try:
            wait_for(
                "its loop runs", lambda: "Starting main loop" in log.read_text() or process.poll() is not None
            )
            assert process.poll() is None, log.read_text()[-3000:]
            yield log
            assert process.poll() is None, log.read_text()[-3000:]
        finally:
            kill_now(process)


def version(log: Path) -> str:
    """Return the version that the program wrote into its log when it began."""
    found = re.search(r"Cluster Autoscaler (\S+)", log.read_text(encoding="utf-8"))
    return found[1] if found else "unknown"
