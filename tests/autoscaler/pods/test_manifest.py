"""The manifest of Cluster Autoscaler and the server: what the pods may do, and how they are configured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kbootstrap import distros
from kbootstrap.autoscaler.config import read_config
from kbootstrap.autoscaler.definition import read
from kbootstrap.autoscaler.pods import yaml_text
from kbootstrap.autoscaler.pods.manifest import additions
from kbootstrap.autoscaler.pods.settings import CONFIG, SECRET
from kbootstrap.distros.additions import NOTHING, ImageArchive
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.topology import elastic_addresses, endpoint_address
from tests.autoscaler.pods.samples import POOL, SUM, added, arguments, definition, objects, pod, spec, text

SERVER, CLIENT = "kbootstrap-autoscaler", "cluster-autoscaler"
BOTH = (SERVER, CLIENT)


def test_without_the_key_there_is_nothing() -> None:
    one = definition(spec())
    bare = replace(one, cluster=replace(one.cluster, autoscaler=None))
    assert additions(bare, distros.of(one.cluster.kubernetes), PROVIDER.elastic_access) == NOTHING


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert text(spec()) == text(spec())


@pytest.mark.parametrize("name", BOTH)
def test_pods_have_no_rights_on_their_machine(name: str) -> None:
    """All of the standard `restricted`, but for read-only folders of the machine."""
    made = pod(spec(), name)
    context = made["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] != 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = made["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & made.keys()
    mounted = {one["name"]: one.get("readOnly", False) for one in container["volumeMounts"]}
    machine = {volume["name"] for volume in made["volumes"] if "hostPath" in volume}
    assert all(mounted[volume] for volume in machine)
    assert mounted.keys() == {volume["name"] for volume in made["volumes"]}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "livenessProbe" in container


@pytest.mark.parametrize("name", BOTH)
def test_pods_run_on_servers_and_leave_one_that_does_not_answer(name: str) -> None:
    made = pod(spec(taints='["dedicated=cp:NoExecute", "quiet:NoSchedule"]'), name)
    assert made["nodeSelector"] == {"node-role.kubernetes.io/control-plane": "true"}
    assert made["priorityClassName"] == "system-cluster-critical"
    tolerated = {one["key"]: one for one in made["tolerations"]}
    assert tolerated["dedicated"] == {
        "key": "dedicated",
        "operator": "Equal",
        "value": "cp",
        "effect": "NoExecute",
    }
    assert tolerated["quiet"]["effect"] == "NoSchedule"
    assert all("key" in one for one in made["tolerations"]), "every taint would be tolerated"
    for state in ("not-ready", "unreachable"):
        assert tolerated[f"node.kubernetes.io/{state}"]["tolerationSeconds"] == 60


@pytest.mark.parametrize(("servers", "replicas"), [(1, 1), (3, 2), (5, 2)])
def test_a_second_server_waits_where_there_are_three_machines(servers: int, replicas: int) -> None:
    made = objects(spec(servers=servers))
    assert made["Deployment", SERVER]["spec"]["replicas"] == replicas
    spread = made["Deployment", SERVER]["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname"] * (replicas - 1)
    assert made["Deployment", CLIENT]["spec"]["replicas"] == 1
    for name in BOTH:  # a follower is never ready
        assert made["Deployment", name]["spec"]["strategy"] == {"type": "Recreate"}


def test_no_budget_keeps_a_machine_from_being_drained() -> None:
    """Only the leader is ready: with `maxUnavailable: 1` of two pods it could never be evicted."""
    made = objects(spec(servers=3))
    assert made["PodDisruptionBudget", SERVER]["spec"]["maxUnavailable"] == "100%"
    assert made["PodDisruptionBudget", CLIENT]["spec"]["maxUnavailable"] == 1


def test_selectors_find_their_pods() -> None:
    made = objects(spec())
    for name in BOTH:
        labels = made["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert labels["kbootstrap/reads"] == SERVER
        for one in (made["Deployment", name], made["PodDisruptionBudget", name]):
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert made["Service", SERVER]["spec"]["selector"] == {"app.kubernetes.io/name": SERVER}


def allowed(found: dict[tuple[str, str], Any], kind: str, name: str) -> set[tuple[str, str, str]]:
    """Return resource, verb and name (or *) of each right."""
    return {
        (resource, verb, only)
        for rule in found[kind, name]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for only in rule.get("resourceNames", ["*"])
    }


def test_rights_in_the_cluster() -> None:
    made = objects(spec())
    assert allowed(made, "ClusterRole", SERVER) == {
        ("nodes", verb, "*") for verb in ("get", "list", "patch", "delete")
    }
    assert allowed(made, "Role", SERVER) == {
        ("leases", "create", "*"),
        ("leases", "get", SERVER),
        ("leases", "update", SERVER),
        ("events", "create", "*"),
        ("events", "patch", "*"),
    }
    every = allowed(made, "ClusterRole", CLIENT) | allowed(made, "Role", CLIENT)
    assert not [one for one in every if "secrets" in one[0] or one[1] == "*"]
    writes = {one for one in allowed(made, "ClusterRole", CLIENT) if one[1] not in {"get", "list", "watch"}}
    assert {resource for resource, _, _ in writes} == {
        "nodes",
        "pods/eviction",
        "pods/status",
        "events",
        "jobs",
    }
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for name in BOTH:
            [subject] = made[kind, name]["subjects"]
            assert (subject["name"], subject["namespace"]) == (name, "kube-system")


@pytest.mark.parametrize(
    ("version", "flag"), [("v1.31.4+k3s1", None), ("v1.34.1+k3s1", None), ("v1.35.0+k3s1", "1800s")]
)
def test_the_idle_time_is_a_flag_where_options_of_groups_do_not_arrive(
    version: str, flag: str | None
) -> None:
    """One value for all pools: the longest, so that none is emptied earlier than the spec says."""
    pools = f"{POOL}, {{name: jobs, flavor: s, autoscaling: {{min: 0, max: 2, scale_down_after: 30m}}}}"
    made = [one for one in arguments(spec(version=version, pools=pools)) if "scale-down" in one]
    assert made == ([f"--scale-down-unneeded-time={flag}"] if flag else [])


def test_flags() -> None:
    assert arguments(spec()) == [
        "--cloud-provider=externalgrpc",
        f"--cloud-config={CONFIG}/cluster-autoscaler.yaml",
        "--namespace=kube-system",
        "--expander=price",
        "--skip-nodes-with-system-pods=false",
        "--node-info-cache-expire-time=1h",
    ]


def test_priorities_of_pools() -> None:
    pools = f"{POOL}, {{name: jobs, flavor: s, autoscaling: {{min: 0, max: 2, priority: 10}}}}"
    found = spec(pools=pools)
    assert "--expander=priority,price" in arguments(found)
    made = objects(found)["ConfigMap", "cluster-autoscaler-priority-expander"]["data"]["priorities"]
    assert YAML(typ="safe", pure=True).load(made) == {11: ["^jobs/.*$"], 1: ["^web/.*$"]}


def test_images() -> None:
    """One with a digest may be pulled; one that was sent never is, and nothing else can have its name."""
    found = spec()
    [server], [client] = (pod(found, name)["containers"] for name in BOTH)
    assert (server["image"], server["imagePullPolicy"]) == ("kbootstrap/autoscaler:0f5e", "Never")
    assert client["image"] == f"registry.example.org/ca:v1.33.0@sha256:{SUM}"
    assert client["imagePullPolicy"] == "IfNotPresent"
    assert added(found).archives == (ImageArchive("server.tar.zst", SUM),)
    assert added(found).archives[0].name == f"kbootstrap-image-{SUM[:16]}.tar.zst"


@pytest.mark.parametrize(
    ("distribution", "version", "seen"),
    [
        (
            "k3s",
            "v1.33.1+k3s1",
            {"/usr/local/bin": "Directory", "/var/lib/rancher/k3s/agent/images": "Directory"},
        ),
        (
            "rke2",
            "v1.33.1+rke2r1",
            {"/var/lib/kbootstrap/rke2.tar.gz": "File", "/var/lib/rancher/rke2/agent/images": "Directory"},
        ),
    ],
)
def test_the_pod_sees_files_for_new_nodes(distribution: str, version: str, seen: dict[str, str]) -> None:
    """A folder shows the next version's files too; of kbootstrap's own folder, only root may read more."""
    made = pod(spec(distribution=distribution, version=version), SERVER)
    places = {
        volume["hostPath"]["path"]: volume["hostPath"]["type"]
        for volume in made["volumes"]
        if "hostPath" in volume
    }
    assert places == {**seen, "/etc/ssl/certs": "DirectoryOrCreate"}
    mounts = {one["mountPath"] for one in made["containers"][0]["volumeMounts"]}
    assert {f"/host{path}" for path in seen} <= mounts


def test_the_pod_knows_its_cluster(tmp_path: Path) -> None:
    """The files of the ConfigMap are what the server reads: the operator's pools and addresses."""
    found = spec(servers=3)
    data = objects(found)["ConfigMap", SERVER]["data"]
    for name, content in data.items():
        (tmp_path / name).write_text(content)
    config = read_config(tmp_path / "autoscaler.yaml")
    assert str(config.spec) == f"{CONFIG}/spec.yaml"
    assert str(config.agent_token) == f"{SECRET}/agent-token"
    here = read(tmp_path / "spec.yaml", config.cluster)
    there = definition(found)
    assert [group.id for group in here.groups] == ["web/s", "web/l"]
    assert here.cluster.pools == there.cluster.pools
    assert endpoint_address(here.cluster) == endpoint_address(there.cluster)
    pools = here.cluster.pools[0], there.cluster.pools[0]
    assert list(elastic_addresses(here.cluster, pools[0], here.lock)) == list(
        elastic_addresses(there.cluster, pools[1], there.lock)
    )
    assert here.lock.image_id("prod", "Debian 12") == "0a1b"
    assert here.lock.artifact("k3s", "v1.33.1+k3s1") is not None
    assert here.spec.prices == found.prices


def test_nothing_of_the_operators_is_in_it() -> None:
    """Neither secrets, nor names of what only the operator's machine has, nor other clusters."""
    made = text(spec())
    for word in ("STATE_PASSPHRASE", "SSH_KEY", "id.pub", "S3", "WORD", "other", "10.30."):
        assert word not in made, word
    assert not any(kind == "Secret" for kind, _ in objects(spec()))


def test_a_configuration_that_changes_restarts_the_pods() -> None:
    """A changed spec does not: the server reads it again."""

    def annotations(one: Any) -> Any:  # noqa: ANN401
        return objects(one)["Deployment", SERVER]["spec"]["template"]["metadata"]["annotations"]

    assert annotations(spec()) == annotations(spec(pools=POOL.replace("max: 5", "max: 9")))
    assert text(spec()) != text(spec(pools=POOL.replace("max: 5", "max: 9")))


def test_yaml_is_read_as_it_was_meant() -> None:
    value = {
        "text": "a: b\n# c\n",
        "blank": "one\n\ntwo\n",
        "indented": "  first\nsecond\n",
        "trailing": "space \n",
        "open": "no end",
        "yes": "yes",
        "number": "1",
        "port": 8086,
        "truth": True,
        "nothing": None,
        "none": [],
        "void": {},
        "words": ["get", "list"],
        "strings": ["", "10.0.0.0/8", "a, b"],
        "maps": [{"a": [{"b": "c"}, {"d": "e\nf\n"}]}, {}],
        5: ["^web/.*$"],
    }
    assert YAML(typ="safe", pure=True).load(yaml_text.document(value)) == value
