"""The autoscaler as pods of the cluster on a real OpenStack: installed, used, with new tokens, and removed.

The server is the image that kbootstrap packs. A client takes Cluster Autoscaler's place (`pod_client.py`):
it runs in that Deployment, with its Secret, and makes the calls that the tests ask for. The tests run in the
order of the file.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.autoscaler import JOINS, elastic, until
from tests.e2e.cloud_data.names import CLUSTER, GROUP, WEB, machines
from tests.e2e.lab import wait_for
from tests.e2e.pod_client import CLIENT, SERVER, SYSTEM, call, remove, rolled_out, spec_key
from tests.e2e.stack import LONG, SOON, Stack

pytestmark = [pytest.mark.full, pytest.mark.ordered, pytest.mark.timeout(5000)]
KINDS = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets"
OURS = "app.kubernetes.io/managed-by=kbootstrap"


@pytest.fixture(scope="module")
def key(made: Stack) -> str:
    """The key of the spec, with both images."""
    return spec_key(made.lab)


@pytest.fixture(scope="module")
def static(made: Stack) -> set[str]:
    return made.lab.ready_nodes() - machines(made)


def grown(cluster: Stack, static: set[str], number: int) -> set[str]:
    """Wait until so many elastic nodes are Ready. What fails is asked for again, as while pods wait."""

    def enough() -> bool:
        missing = number + 1 - int(call(cluster.lab, "NodeGroupTargetSize", id=GROUP)["targetSize"])
        if missing > 0:
            call(cluster.lab, "NodeGroupIncreaseSize", id=GROUP, delta=missing)
        return len(elastic(cluster.lab, static)) == number

    wait_for(f"{number} elastic nodes", enough, seconds=JOINS, every=2)
    return elastic(cluster.lab, static)


def secrets(cluster: Stack) -> dict[str, str]:
    """Return the content of both Secrets."""
    return {
        f"{name}/{key}": base64.b64decode(value).decode()
        for name in (SERVER, CLIENT)
        for key, value in cluster.lab.get(*SYSTEM, "secret", name)["data"].items()
    }


def credentials(cluster: Stack) -> list[Any]:
    """Return the application credentials of the server, as Keystone has them."""
    sdk = cluster.cloud.connect(cluster.project)
    found = sdk.identity.application_credentials(cluster.project.user_id)
    return [one for one in found if (one.description or "").endswith(f"lab/{CLUSTER} autoscaler")]


def test_the_pods_run(cluster: Stack, key: str) -> None:
    cluster.edit("    pools: ", f"{key}    pools: ")
    planned = cluster.changes()
    assert f"write the Secrets {CLIENT} and {SERVER} in kube-system" in planned
    cluster.apply()
    rolled_out(cluster.lab, SOON)
    cluster.nothing_to_do()
    pods = cluster.lab.get(*SYSTEM, "pods", "-l", OURS)["items"]
    assert {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods} == {SERVER, CLIENT}
    servers = cluster.lab.get("nodes", "-l", "node-role.kubernetes.io/control-plane=true")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} <= {one["metadata"]["name"] for one in servers}
    [made] = credentials(cluster)
    assert {rule["service"] for rule in made.access_rules} == {"compute", "image", "network"}
    groups = call(cluster.lab, "NodeGroups")["nodeGroups"]
    assert [(group["id"], group["minSize"], group["maxSize"]) for group in groups] == [(GROUP, 1, 4)]


def test_machines_come_and_go_through_the_pods(cluster: Stack, key: str, static: set[str]) -> None:
    """Made, installed and deleted by the pod, with its own credential and its own key."""
    del key
    first, second = sorted(grown(cluster, static, 2))
    assert machines(cluster) == {first, second}
    _like_the_others(cluster, first, second)
    log = cluster.lab.kubectl(*SYSTEM, "logs", f"deploy/{SERVER}")
    cluster.nothing_to_do()
    cluster.pinned_from_the_console(CLUSTER, (first, second))
    address = cluster.servers()[first].metadata["kbootstrap.address"]
    remove(cluster.lab, GROUP, first)
    until("its machine is gone", lambda: machines(cluster) == {second})
    ports = cluster.cloud.admin.network.ports(project_id=cluster.project.id)
    assert address not in [one["ip_address"] for port in ports for one in port.fixed_ips]
    until("its Node is gone", lambda: elastic(cluster.lab, static) == {second})
    assert call(cluster.lab, "NodeGroupTargetSize", id=GROUP)["targetSize"] == 2
    given = cluster.servers()[second].user_data
    _no_secret_in(cluster, log, base64.b64decode(given).decode())


def _authorized_keys(server: Any) -> list[str]:  # noqa: ANN401 (of the SDK)
    """Return the keys that a machine's user-data has; one may be written on two lines."""
    text = " ".join(base64.b64decode(server.user_data).decode().split())
    return re.findall(r'"(ssh-[^"]+)"', text)


def _like_the_others(cluster: Stack, *names: str) -> None:
    """See that these machines have what one of their pool has that OpenTofu made, and the pods' own key."""
    servers = cluster.servers()
    given = servers[WEB]
    for name in names:
        one = servers[name]
        found = _authorized_keys(one)
        keys = [key for key in found if not key.endswith("kbootstrap-autoscaler")]
        assert keys == _authorized_keys(given)
        assert len(keys) == len(found) - 1
        assert {"kbootstrap.pool": "web", "kbootstrap.flavor": "lab.small"}.items() <= one.metadata.items()
        assert one.key_name == given.key_name
        groups = {group["name"] for group in one.security_groups}
        assert groups == {group["name"] for group in given.security_groups}


def _no_secret_in(cluster: Stack, *texts: str) -> None:
    """See that no secret of the pods is in what they write, in objects, or on this machine."""
    found = secrets(cluster)
    hidden = {
        line
        for name, content in found.items()
        if not name.endswith((".crt", "authorized-keys", "clouds.yaml", "cloud-ca.pem"))
        for line in content.splitlines()
        if line and not line.startswith("-----")
    }
    clouds = json.loads(found[f"{SERVER}/clouds.yaml"])["clouds"]
    hidden |= {entry["auth"]["application_credential_secret"] for entry in clouds.values()}
    hidden |= {one.rpartition(":")[2] for one in hidden if one.startswith("K10")}
    hidden -= {*(cluster.lab.folder / "id_ed25519").read_text().splitlines()}  # keys of a kind begin alike
    assert all(len(one) > 8 for one in hidden)
    objects = "configmaps,events,deployments,pods,leases"
    places = [*texts, cluster.lab.kubectl("get", objects, "-A", "-o", "yaml")]
    places += [
        path.read_text(encoding="utf-8", errors="replace")
        for path in cluster.lab.folder.rglob("*")
        if path.is_file() and path.stat().st_size < 1 << 22
    ]
    for text in places:
        assert not [one for one in hidden if one in text]


def test_new_tokens_reach_the_pod(cluster: Stack, key: str, static: set[str]) -> None:
    """A rotation writes the Secrets again, in the same run; machines join with the new token."""
    del key
    before, nodes = secrets(cluster), elastic(cluster.lab, static)
    cluster.lab.run("rotate", "tokens", "-y", "spec.yaml", timeout=LONG)
    after = secrets(cluster)
    for name in ("agent-token", "ssh-key", "tls.key", "ca.crt"):
        assert after[f"{SERVER}/{name}"] != before[f"{SERVER}/{name}"], name
    assert len(credentials(cluster)) == 1
    rolled_out(cluster.lab, SOON)
    cluster.nothing_to_do()
    assert grown(cluster, static, len(nodes) + 1) > nodes


def test_without_the_key_nothing_is_left(cluster: Stack, key: str, static: set[str]) -> None:
    """Neither objects, Secrets, the credential with its rules, images on servers, nor elastic machines."""
    cluster.edit(key, "")
    planned = cluster.changes()
    assert "remove the autoscaler: pods, credential, Secrets" in planned
    cluster.apply()
    assert machines(cluster) == set()
    assert cluster.lab.ready_nodes() == static
    assert cluster.lab.kubectl(*SYSTEM, "get", KINDS, "-l", OURS, "-o", "name") == ""
    assert cluster.lab.kubectl("get", "clusterroles,clusterrolebindings", "-l", OURS, "-o", "name") == ""
    names = cluster.lab.kubectl(*SYSTEM, "get", "secrets,leases,configmaps", "-o", "name").split()
    assert not [name for name in names if name.endswith((SERVER, CLIENT))]
    assert credentials(cluster) == []
    sdk = cluster.cloud.connect(cluster.project)
    assert list(sdk.identity.access_rules(cluster.project.user_id)) == []
    listed = cluster.on_node(f"{CLUSTER}-control-plane-1", "ls /var/lib/rancher/k3s/agent/images")
    assert "kbootstrap-image-" not in listed
    cluster.nothing_to_do()


@pytest.fixture(autouse=True, scope="module")
def _without_the_key(made: Stack) -> Iterator[None]:
    """Later chapters start a server by hand: the pods must not be there, whatever failed."""
    yield
    path = made.lab.folder / "spec.yaml"
    text = path.read_text(encoding="utf-8")
    bare = re.sub(r"(?m)^    autoscaler: \{server.*\n", "", text)
    if bare != text:
        path.write_text(bare, encoding="utf-8")
        made.apply()
