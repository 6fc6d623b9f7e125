"""The end of the cluster: volumes grow, and it is destroyed while the autoscaler's server makes a machine.

The tests run in the order of the file.
"""

from __future__ import annotations

import pytest

from tests.e2e.autoscaler import Scaler
from tests.e2e.cloud_data.names import GROUP, MOUNT, NODE, SIZE, text
from tests.e2e.stack import LONG, Stack

pytestmark = [pytest.mark.full, pytest.mark.ordered, pytest.mark.timeout(4000)]
RESOURCE = 1 << 24
"""CAP_SYS_RESOURCE in a set of capabilities (linux/capability.h)."""


def test_the_filesystem_grows_with_its_volume(cluster: Stack) -> None:
    """After all that applies: `apply` cannot come to its end any more where CAP_SYS_RESOURCE is missing."""
    cluster.edit(f"size_gib: {SIZE}", f"size_gib: {SIZE + 1}")
    done = cluster.lab.run("apply", "-y", "spec.yaml", code=None, timeout=LONG)
    grown = cluster.cloud.admin.block_storage.get_volume(cluster.attached(NODE))
    assert grown.size == SIZE + 1
    bytes_now = cluster.on_node(NODE, f"sudo blockdev --getsize64 $(findmnt -no SOURCE {MOUNT})")
    assert bytes_now == str((SIZE + 1) << 30)
    assert text(cluster) == NODE
    bounding = int(cluster.on_node(NODE, "awk '/^CapBnd/ { print $2 }' /proc/self/status"), 16)
    if bounding & RESOURCE:
        assert done.returncode == 0
        filesystem = int(cluster.on_node(NODE, f"df --output=size -B1 {MOUNT} | tail -n 1"))
        assert filesystem > 0.9 * ((SIZE + 1) << 30)
        cluster.nothing_to_do()
    else:  # a mounted filesystem cannot be grown here, and the message says so
        assert done.returncode == 8
        assert "KB0843" in done.stderr
        assert "Permission denied" in done.stderr


def test_destroy_leaves_nothing_while_the_server_runs(cluster: Stack, server: Scaler) -> None:
    """With a machine that is being made."""
    server.grow(GROUP)
    cluster.destroy()
    assert cluster.servers() == {}
    server.kill()
    assert cluster.cloud.leftovers(cluster.project) == ()
