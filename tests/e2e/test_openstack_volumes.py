"""Volumes of nodes on a real OpenStack: mounted by their ID, kept when all else goes, never lost by a spec.

The tests run in the order of the file; at the end the cluster is destroyed, and its project must be empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.e2e.lab import wait_for
from tests.e2e.stack import Stack, stack
from tests.e2e.workloads import BOX

pytestmark = [pytest.mark.timeout(1200)]
CLUSTER = "vol"
NODE = f"{CLUSTER}-data-1"
NODES = {f"{CLUSTER}-control-plane-1", NODE}
MOUNT = "/var/lib/data"
UNIT = "var-lib-data.mount"
SIZE = 2
RESOURCE = 1 << 24
"""CAP_SYS_RESOURCE in a set of capabilities (linux/capability.h)."""
TEXT = "written on the first day"


def spec(*, size: int = SIZE, volumes: str | None = None) -> str:
    """One server, and one agent with a volume."""
    chosen = f"[{{name: data, size_gib: {size}, mount: {MOUNT}}}]" if volumes is None else volumes
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: lab
clusters:
  {CLUSTER}:
    provider:
      openstack: {{cloud: kbootstrap-lab, external_network: public, image: {{name: Debian 12}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {{cidr: 10.64.0.0/16, control_plane: 10.64.0.0/24, agents: 10.64.4.0/22}}
    api: {{allowed_cidrs: [0.0.0.0/0]}}
    ssh: {{allowed_cidrs: [0.0.0.0/0]}}
    control_plane: {{nodes: 1, flavor: lab.medium}}
    pools:
      - {{name: data, nodes: 1, flavor: lab.medium, volumes: {chosen}}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The cluster, applied once for this module."""
    with stack(tmp_path_factory.mktemp("volumes"), "volumes") as made:
        made.spec(spec())
        try:
            made.lab.run("apply", "-y", "spec.yaml", timeout=900)
            made.lab.kubectl("config", "use-context", f"kbootstrap-lab/{CLUSTER}")
            yield made
        finally:
            made.spec(spec())
            made.lab.run("destroy", "-y", "spec.yaml", timeout=600)
            assert volume(made) == ""


def volume(cluster: Stack) -> str:
    """Return the ID of the project's one volume; empty without one."""
    found = cluster.volumes()
    assert len(found) <= 1
    return found.pop() if found else ""


def test_the_volume_is_mounted_by_its_id(cluster: Stack) -> None:
    assert cluster.lab.ready_nodes() == NODES
    link = f"/dev/disk/by-id/virtio-{volume(cluster)[:20]}"
    said = cluster.on_node(
        NODE, f"findmnt -no SOURCE,FSTYPE {MOUNT}; readlink -f {link}; cat /etc/systemd/system/{UNIT}"
    )
    source, device, *unit = said.splitlines()
    assert source.split() == [device, "ext4"]
    assert f"What={link}" in unit
    size = int(cluster.on_node(NODE, f"df --output=size -B1 {MOUNT} | tail -n 1"))
    assert 0.9 * (SIZE << 30) < size <= SIZE << 30
    assert cluster.on_node(NODE, f"systemctl is-enabled {UNIT}") == "enabled"


def test_data_outlives_an_apply_that_has_nothing_to_do(cluster: Stack) -> None:
    cluster.on_node(NODE, f"echo {TEXT} | sudo tee {MOUNT}/text")
    for _ in range(2):
        cluster.nothing_to_do()
    assert cluster.on_node(NODE, f"cat {MOUNT}/text") == TEXT


def test_a_pod_reaches_the_volume(cluster: Stack) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader"},
        "spec": {
            "nodeName": NODE,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "reader",
                    "image": BOX,
                    "imagePullPolicy": "Never",
                    "command": ["cat", "/data/text"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "hostPath": {"path": MOUNT, "type": "Directory"}}],
        },
    }
    cluster.lab.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    wait_for("the pod has read", lambda: cluster.lab.kubectl("logs", "reader").strip() == TEXT, seconds=60)
    cluster.lab.kubectl("delete", "pod", "reader", "--wait")


def test_a_volume_that_was_unmounted_is_mounted_again(cluster: Stack) -> None:
    cluster.on_node(NODE, f"sudo systemctl disable --now {UNIT}")
    planned = cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2).stderr
    assert f"mount volume data at {MOUNT}" in planned
    assert "restart" not in planned
    cluster.lab.run("apply", "-y", "spec.yaml")
    assert cluster.on_node(NODE, f"cat {MOUNT}/text; systemctl is-enabled {UNIT}").splitlines() == [
        TEXT,
        "enabled",
    ]


def test_a_volume_that_was_detached_is_attached_again(cluster: Stack) -> None:
    compute, before = cluster.cloud.admin.compute, volume(cluster)
    [server] = compute.servers(all_projects=True, project_id=cluster.project.id, name=NODE)
    cluster.on_node(NODE, f"sudo systemctl stop {UNIT}")
    compute.delete_volume_attachment(server, before)
    wait_for("it is detached", lambda: not list(compute.volume_attachments(server)), seconds=60)
    cluster.lab.run("apply", "-y", "spec.yaml")
    assert volume(cluster) == before
    assert cluster.on_node(NODE, f"cat {MOUNT}/text") == TEXT


@pytest.mark.parametrize(
    ("changed", "verb"),
    [(spec(size=SIZE - 1), "shrink"), (spec(volumes="[]"), "delete")],
)
def test_no_spec_loses_a_volume(cluster: Stack, changed: str, verb: str) -> None:
    cluster.spec(changed)
    try:
        for command in (["plan"], ["apply", "-y"]):
            refused = cluster.lab.run(*command, "spec.yaml", code=3).stderr
            assert "KB0418" in refused
            assert f"would {verb} the volume data of {NODE}" in re.sub(r"\s+", " ", refused)
    finally:
        cluster.spec(spec())
    cluster.nothing_to_do()


def test_a_new_machine_gets_the_volume_of_the_old_one(cluster: Stack) -> None:
    compute, before = cluster.cloud.admin.compute, volume(cluster)

    def machines() -> list[str]:
        found = compute.servers(all_projects=True, project_id=cluster.project.id, name=NODE)
        return [server.id for server in found]

    [old] = machines()
    compute.delete_server(old, force=True)
    wait_for("the machine is gone", lambda: not machines(), seconds=60)
    cluster.lab.run("apply", "-y", "spec.yaml", timeout=600)
    assert old not in machines()
    assert volume(cluster) == before
    assert cluster.on_node(NODE, f"cat {MOUNT}/text") == TEXT
    wait_for("both nodes are ready", lambda: cluster.lab.ready_nodes() == NODES, seconds=60)
    cluster.nothing_to_do()


def test_a_disk_with_something_else_on_it_is_left_alone(cluster: Stack) -> None:
    """Here the volume gets another signature by hand, as if somebody had used it for something else."""
    link = f"/dev/disk/by-id/virtio-{volume(cluster)[:20]}"
    cluster.on_node(
        NODE, f"sudo systemctl stop {UNIT} && sudo dd if={link} of=/root/begin bs=4k count=16 status=none"
    )
    cluster.on_node(NODE, f"sudo wipefs -aq {link} && sudo mkswap {link} >/dev/null")
    refused = cluster.lab.run("apply", "-y", "spec.yaml", code=8).stderr
    assert "KB0841" in refused
    assert "(swap)" in refused
    cluster.on_node(
        NODE, f"sudo wipefs -aq {link} && sudo dd if=/root/begin of={link} conv=notrunc status=none"
    )
    cluster.lab.run("apply", "-y", "spec.yaml")
    assert cluster.on_node(NODE, f"cat {MOUNT}/text") == TEXT


def test_the_filesystem_grows_with_its_volume(cluster: Stack) -> None:
    """Last, because `apply` cannot come to its end any more where CAP_SYS_RESOURCE is missing."""
    cluster.spec(spec(size=SIZE + 1))
    done = cluster.lab.run("apply", "-y", "spec.yaml", code=None)
    grown = cluster.cloud.admin.block_storage.get_volume(volume(cluster))
    assert grown.size == SIZE + 1
    assert cluster.on_node(NODE, f"sudo blockdev --getsize64 $(findmnt -no SOURCE {MOUNT})") == str(
        (SIZE + 1) << 30
    )
    assert cluster.on_node(NODE, f"cat {MOUNT}/text") == TEXT
    bounding = int(cluster.on_node(NODE, "awk '/^CapBnd/ { print $2 }' /proc/self/status"), 16)
    if bounding & RESOURCE:
        assert done.returncode == 0
        filesystem = int(cluster.on_node(NODE, f"df --output=size -B1 {MOUNT} | tail -n 1"))
        assert filesystem > 0.9 * ((SIZE + 1) << 30)
        cluster.nothing_to_do()
    else:  # nobody may grow a mounted filesystem here, and that is said
        assert done.returncode == 8
        assert "KB0843" in done.stderr
        assert "Permission denied" in done.stderr
