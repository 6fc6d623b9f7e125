from __future__ import annotations

from kbootstrap.cluster.decide.drift import Drift, differences, waits
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.steps.api import GiveSecret, WaitKnown
from kbootstrap.cluster.steps.files import StageFile, SwapFiles, WriteFile
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import ForgetNode, WaitReady, WaitWorkloads
from kbootstrap.cluster.steps.removal import Cordon
from kbootstrap.cluster.steps.service import RestartService, SaveSnapshot, StartService, WaitServing
from kbootstrap.cluster.steps.volumes import FormatVolume
from kbootstrap.distros.model import Artifact, NodeFile

K3S = Artifact("k3s", "/usr/local/bin/k3s", 0o755)
CONFIG = NodeFile("/etc/rancher/k3s/config.yaml", "a: 1\n", 0o600)


def test_nothing() -> None:
    assert differences(()) == ()


def test_a_new_machine_is_one_difference() -> None:
    steps = (
        Claim(node="a", why="the machine has no stamp of a cluster yet"),
        StageFile(node="a", why="it is not there", artifact=K3S, version="v1"),
        StartService(node="a", why="it does not run", unit="k3s.service"),
    )
    assert differences(steps) == (
        Drift("installation", "machine", "the machine has no stamp of a cluster yet"),
    )


def test_another_version_is_one_difference() -> None:
    steps = (
        SaveSnapshot(node="a", why="servers change to v2", name="before-v2"),
        StageFile(node="a", why="the node has v1", artifact=K3S, version="v2", aside=True),
        SwapFiles(node="a", why="the node runs v1", artifacts=(K3S,), version="v2"),
        RestartService(node="a", why="the node runs v1", unit="k3s.service"),
        WaitServing(node="a", why="other nodes join through it", unit="k3s.service"),
        WaitReady(node="a", why="it starts", unit="k3s.service", version="v2"),
        WaitWorkloads(node="a", why="another version replaces pods"),
    )
    assert differences(steps) == (Drift("version", "Kubernetes", "the node runs v1"),)


def test_what_is_only_waited_for() -> None:
    wait = WaitReady(node="a", why="its service was started a moment ago", unit="k3s.service", version="v1")
    start = StartService(node="a", why="it does not run", unit="k3s.service")
    assert differences((wait,)) == ()
    assert waits((wait,)) == (Drift("other", "wait until the node is Ready", wait.why),)
    assert waits((start, wait)) == ()
    assert waits(()) == ()


def test_a_restart_counts_where_no_other_step_has_the_reason() -> None:
    restart = RestartService(node="a", why="configuration changed since it started", unit="k3s.service")
    write = WriteFile(node="a", why="it differs from the spec", file=CONFIG)
    alone = Drift("service", "k3s.service", "configuration changed since it started")
    assert differences((restart,)) == (alone,)
    assert differences((write, restart)) == (Drift("configuration", CONFIG.path, "it differs from the spec"),)


def test_a_stopped_service_counts_beside_a_changed_file() -> None:
    write = WriteFile(node="a", why="it differs from the spec", file=CONFIG)
    start = StartService(node="a", why="it does not run", unit="k3s.service")
    assert [one.kind for one in differences((write, start))] == ["configuration", "service"]


def test_every_kind() -> None:
    volume = DesiredVolume("data", "id", "/srv", 1)
    steps = (
        FormatVolume(node="a", why="it is empty", volume=volume, link=""),
        ForgetNode(node="a", why="this machine is new"),
        GiveSecret(node="a", why="it is not there", secret="cloud-config"),
        WaitKnown(node="a", why="it finds the machine"),
        Cordon(node="a", why="it goes"),
    )
    assert [(one.kind, one.what) for one in differences(steps)] == [
        ("volume", "volume data"),
        ("membership", "Node object"),
        ("configuration", "Secret cloud-config"),
        ("other", "cordon the node"),
    ]
