"""Pods that keep their node."""

from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.checks.report import Outcome, Subject
from tests.checks.workloads.samples import SELECTOR, budget, outcomes, pod, results

FAILED, OK = [Outcome.FAILED], [Outcome.PASSED]
CA = "cluster-autoscaler.kubernetes.io"
EMPTY = {"name": "cache", "emptyDir": {}}
CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}


def volume(claim: str = "data-0", namespace: str = "shop", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{claim}"},
        "spec": {"claimRef": {"namespace": namespace, "name": claim}, **spec},
    }


def affinity(key: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": ["x"]}]}
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod(), OK),
        (pod(owner=None), FAILED),
        (pod(owner=("Job", "once")), OK),
        (pod(owner=("Cluster", "db")), OK),
        (pod(owner=("DaemonSet", "agent")), []),
        (pod(owner=None, phase="Succeeded"), []),
        (pod(owner=None, annotations={"kubernetes.io/config.mirror": "x"}), []),
        (pod(owner=None, deletionTimestamp="2026-11-26T12:00:00Z"), []),
    ],
)
def test_controller(item: dict[str, Any], expected: list[Outcome]) -> None:
    assert outcomes(item, rule="no-controller") == expected


@pytest.mark.parametrize(
    ("annotations", "volumes", "expected"),
    [
        ({}, [], OK),
        ({}, [EMPTY], FAILED),
        ({}, [{"name": "log", "hostPath": {"path": "/var/log"}}], FAILED),
        ({}, [{"name": "shm", "emptyDir": {"medium": "Memory"}}], OK),
        ({}, [{"name": "conf", "configMap": {"name": "conf"}}, CLAIM], OK),
        ({f"{CA}/safe-to-evict": "true"}, [EMPTY], OK),
        ({f"{CA}/safe-to-evict-local-volumes": "tmp,cache"}, [EMPTY], OK),
        ({f"{CA}/safe-to-evict-local-volumes": "tmp"}, [EMPTY], FAILED),
    ],
)
def test_local_storage(
    annotations: dict[str, str], volumes: list[dict[str, Any]], expected: list[Outcome]
) -> None:
    assert outcomes(pod(annotations=annotations, volumes=volumes), rule="local-storage") == expected


def test_the_annotation_of_the_example_is_one_that_passes() -> None:
    item = pod(volumes=[EMPTY], annotations={f"{CA}/safe-to-evict-local-volumes": "tmp"})
    [result] = results(item, rule="local-storage")
    notes = result.example["spec"]["template"]["metadata"]["annotations"]
    assert notes == {f"{CA}/safe-to-evict-local-volumes": "tmp,cache"}
    assert outcomes(pod(volumes=[EMPTY], annotations=notes), rule="local-storage") == OK
    [alone] = results(pod(volumes=[EMPTY], owner=None), rule="local-storage")
    assert list(alone.example) == ["metadata"]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (
            volume(
                csi={"driver": "cinder.csi.openstack.org"},
                **affinity("topology.cinder.csi.openstack.org/zone"),
            ),
            OK,
        ),
        (volume(hostPath={"path": "/x"}), FAILED),
        (volume(local={"path": "/x"}), FAILED),
        (volume(csi={"driver": "local"}, **affinity("kubernetes.io/hostname")), FAILED),
        (volume("other", hostPath={"path": "/x"}), OK),
        (volume(namespace="other", hostPath={"path": "/x"}), OK),
    ],
)
def test_volumes_of_one_node(there: dict[str, Any], expected: list[Outcome]) -> None:
    assert outcomes(pod(volumes=[CLAIM]), there, rule="local-volume") == expected


def test_volumes_of_pods_that_make_their_own() -> None:
    item = pod("db-0", owner=("StatefulSet", "db"), volumes=[{"name": "scratch", "ephemeral": {}}])
    [result] = results(item, volume("db-0-scratch", local={"path": "/x"}), rule="local-volume")
    assert result.found == "the volume of db-0-scratch exists on one node only"
    assert result.subject == Subject("StatefulSet", "db", "shop")


def test_a_released_volume_is_of_no_pod() -> None:
    spare = {"kind": "PersistentVolume", "metadata": {"name": "spare"}, "spec": {"local": {"path": "/x"}}}
    assert outcomes(pod(volumes=[CLAIM]), spare, rule="local-volume") == OK


@pytest.mark.parametrize(("value", "expected"), [("false", FAILED), ("true", OK), (None, OK)])
def test_not_evictable(value: str | None, expected: list[Outcome]) -> None:
    notes = {f"{CA}/safe-to-evict": value} if value else {}
    assert outcomes(pod(annotations=notes), rule="not-evictable") == expected


def test_pods_of_kube_system_need_a_budget() -> None:
    item, rule, place = pod(namespace="kube-system"), "system-without-budget", "kube-system"
    [result] = results(item, rule=rule, name=place)
    assert result.example["spec"]["selector"] == SELECTOR, (
        "without the hash, which each version has another of"
    )
    assert outcomes(item, result.example, rule=rule, name=place) == OK
    assert outcomes(item, budget(selector={"matchLabels": {"app": "dns"}}), rule=rule, name=place) == FAILED
    safe = pod(namespace="kube-system", annotations={f"{CA}/safe-to-evict": "true"})
    assert outcomes(safe, rule=rule, name=place) == OK
    assert outcomes(pod(), rule=rule) == []


def test_the_pods_of_one_controller_are_one_result() -> None:
    items = [pod("web-5d8f-a", volumes=[EMPTY]), pod("web-5d8f-b"), pod("web-5d8f-c", volumes=[EMPTY])]
    [result] = results(*items, rule="local-storage")
    assert result.subject == Subject("Deployment", "web", "shop")
    assert result.found == "volumes on the node's disk: cache (2 pods)"
    [alone] = results(pod("one", owner=None), rule="no-controller")
    assert f"{alone.subject}" == "Pod shop/one"
