"""Volumes of agents in a cloud: mounted by their ID, kept when all else goes, and never lost by a spec.

Nodes get another version of Kubernetes, other machines and another flavor. The tests run in the order of the
file.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.e2e.cloud_data.names import (
    CLUSTER,
    DATA,
    FLAVOR,
    MOUNT,
    NODE,
    NODES,
    SERVERS,
    SIZE,
    VOLUMES,
    WEB,
    text,
)
from tests.e2e.crash import Boundary, crash
from tests.e2e.lab import kill_now, wait_for
from tests.e2e.proxy import proxy
from tests.e2e.stack import LONG, NEW, OLD, Stack, soon
from tests.e2e.workloads import BOX

pytestmark = [pytest.mark.full, pytest.mark.timeout(4000)]
UNIT = "var-lib-data.mount"


def whole(cluster: Stack, nodes: set[str], *, voting: int = 0) -> None:
    """See that every node is there with its own volume, and nothing is to be done."""
    cluster.ready(nodes, voting=voting)
    for name in DATA:
        assert text(cluster, name) == name
    cluster.nothing_to_do()
    assert not list(cluster.lab.folder.rglob("*_override.tf"))


def test_a_creation_that_loses_the_api_and_is_then_killed(project: Stack) -> None:
    """No API while machines are made: it ends with what to do, in time, and what was made is kept. Then
    `kill -9` while the rest is made: the next apply goes on, and nothing is there twice.
    """
    lab, sdk = project.lab, project.cloud.connect(project.project)
    project.hurt = True
    with proxy() as way:
        lab.extra["HTTP_PROXY"] = way.url
        process = lab.start("apply", "-y", "spec.yaml")
        try:
            wait_for("a machine is being made", project.servers, seconds=LONG)
            way.cut()
            assert process.wait(timeout=LONG) == 6
            said = (lab.folder / "started.err").read_text()
            assert "Traceback" not in said
            assert "KB0523" in said
            assert "run the same command again" in said
            lab.run("apply", "-y", "spec.yaml", code=5)
            lab.run("destroy", "-y", "spec.yaml", code=5)
        finally:
            kill_now(process)
            del lab.extra["HTTP_PROXY"]
    networks = [one.id for one in sdk.network.networks(name=f"lab-{CLUSTER}")]
    assert len(networks) == 1
    made = Boundary("infrastructure", "started")
    assert crash(lab, ("apply", "-y", "-o", "json", "spec.yaml"), made, "kbootstrap", "", seconds=LONG)
    project.apply()
    project.choose(CLUSTER)
    project.ready(NODES)
    project.nothing_to_do()
    assert sorted(server.name for server in sdk.compute.servers()) == sorted(NODES)
    assert [one.id for one in sdk.network.networks(name=f"lab-{CLUSTER}")] == networks
    assert len(project.volumes()) == len(DATA)
    project.hurt = False


def test_the_volume_is_mounted_by_its_id(cluster: Stack) -> None:
    cluster.ready(NODES)
    by_id = cluster.disk(NODE)
    said = cluster.on_node(
        NODE, f"findmnt -no SOURCE,FSTYPE {MOUNT}; readlink -f {by_id}; cat /etc/systemd/system/{UNIT}"
    )
    source, device, *unit = said.splitlines()
    assert source.split() == [device, "ext4"]
    assert f"What={by_id}" in unit
    size = int(cluster.on_node(NODE, f"df --output=size -B1 {MOUNT} | tail -n 1"))
    assert 0.9 * (SIZE << 30) < size <= SIZE << 30
    assert cluster.on_node(NODE, f"systemctl is-enabled {UNIT}") == "enabled"


def test_a_newer_kubernetes(cluster: Stack) -> None:
    before = cluster.ids()
    cluster.edit(OLD, NEW)
    cluster.apply()
    versions = [node["status"]["nodeInfo"]["kubeletVersion"] for node in cluster.lab.get("nodes")["items"]]
    assert versions == [NEW] * len(NODES)
    assert cluster.ids() == before
    whole(cluster, NODES)


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
    soon("the pod has read", lambda: cluster.lab.kubectl("logs", "reader").strip() == NODE)
    cluster.lab.kubectl("delete", "pod", "reader", "--wait", timeout=300)


def test_volumes_that_were_unmounted_or_detached_are_mounted_again(cluster: Stack) -> None:
    """The volume of one node was unmounted, that of the other detached; one `apply` mends both."""
    compute, other = cluster.cloud.admin.compute, DATA[1]
    before, server = cluster.attached(other), cluster.servers()[other]
    cluster.on_node(NODE, f"sudo systemctl disable --now {UNIT}")
    cluster.on_node(other, f"sudo systemctl stop {UNIT}")
    compute.delete_volume_attachment(server, before)
    soon("it is detached", lambda: not list(compute.volume_attachments(server)))
    planned = cluster.changes()
    assert f"mount volume data at {MOUNT}" in planned
    assert "restart" not in planned
    cluster.apply()
    said = cluster.on_node(NODE, f"cat {MOUNT}/text; systemctl is-enabled {UNIT}")
    assert said.splitlines() == [NODE, "enabled"]
    assert cluster.attached(other) == before
    assert text(cluster, other) == other


def test_no_spec_loses_a_volume(cluster: Stack) -> None:
    path = cluster.lab.folder / "spec.yaml"
    good, before = path.read_text(encoding="utf-8"), cluster.volumes()
    smaller = VOLUMES.replace(f"size_gib: {SIZE}", f"size_gib: {SIZE - 1}")
    tries = ((smaller, "shrink", ["plan"]), ("[]", "delete", ["apply", "-y"]))
    for volumes, verb, command in tries:
        cluster.edit(VOLUMES, volumes)
        try:
            refused = cluster.lab.run(*command, "spec.yaml", code=3).stderr
            assert "KB0418" in refused
            assert f"would {verb} the volume data of {NODE}" in re.sub(r"\s+", " ", refused)
        finally:
            path.write_text(good, encoding="utf-8")
    assert cluster.volumes() == before


def test_a_disk_with_something_else_on_it_is_left_alone(cluster: Stack) -> None:
    """Here the volume gets another signature by hand, as if it had been used for something else."""
    by_id = cluster.disk(NODE)
    cluster.on_node(
        NODE, f"sudo systemctl stop {UNIT} && sudo dd if={by_id} of=/root/begin bs=4k count=16 status=none"
    )
    cluster.on_node(NODE, f"sudo wipefs -aq {by_id} && sudo mkswap {by_id} >/dev/null")
    refused = cluster.lab.run("apply", "-y", "spec.yaml", code=8).stderr
    assert "KB0841" in refused
    assert "(swap)" in refused
    cluster.on_node(
        NODE, f"sudo wipefs -aq {by_id} && sudo dd if=/root/begin of={by_id} conv=notrunc status=none"
    )


def test_a_new_machine_gets_the_volume_of_the_old_one(cluster: Stack) -> None:
    """The same `apply` mounts the volume of the other node, which the test before has unmounted."""
    lost = DATA[1]
    old, before = cluster.ids()[lost], cluster.attached(lost)
    cluster.lose(lost)
    cluster.apply()
    assert cluster.ids()[lost] != old
    assert cluster.attached(lost) == before
    whole(cluster, NODES)


def test_one_node_after_the_other_gets_another_flavor(cluster: Stack) -> None:
    """kbootstrap is killed when one node has a new machine, perhaps not yet its volume; the other waits."""

    def machines() -> dict[str, tuple[str, str]]:
        return {name: (one.id, one.flavor.original_name) for name, one in cluster.servers().items()}

    before, kept = machines(), cluster.volumes()
    cluster.edit(FLAVOR, FLAVOR.replace("small", "medium"))
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    new = f'create module.pool_data.openstack_compute_instance_v2.node["{DATA[0]}"]'
    assert crash(cluster.lab, command, Boundary(new, "done", DATA[0]), "kbootstrap", DATA[0], seconds=LONG)
    assert machines()[DATA[1]] == before[DATA[1]]
    done = cluster.lab.run(*command, timeout=LONG)
    reported = [Boundary.of(json.loads(line)) for line in done.stdout.splitlines()]
    ready = reported.index(Boundary("wait until the node is Ready", "done", DATA[0]))
    assert ready < reported.index(Boundary("drain the node", "started", DATA[1]))
    after = machines()
    assert {name for name in NODES if after[name] != before[name]} == {*DATA}
    assert {after[name][1] for name in DATA} == {"lab.medium"}
    assert cluster.volumes() == kept
    whole(cluster, NODES)


def test_the_server_behind_the_floating_ip_gets_another_machine(cluster: Stack) -> None:
    """Two servers join it, so that it can go. While it is away the API is asked on another server; nodes and
    operators then find it where it was.
    """
    cluster.edit("control_plane: {nodes: 1", "control_plane: {nodes: 3")
    nodes = {*SERVERS, *DATA, WEB}
    cluster.apply()
    cluster.ready(nodes, voting=3)
    before = cluster.ids()
    cluster.lab.kubectl("create", "configmap", "kept")
    cluster.lab.run("replace", "-y", "spec.yaml", SERVERS[0], timeout=LONG)
    after = cluster.ids()
    assert [name for name in nodes if after[name] != before[name]] == [SERVERS[0]]
    assert "configmap/kept" in cluster.lab.kubectl("get", "configmap", "-o", "name").split()
    whole(cluster, nodes, voting=3)
