"""`profile: cis` on real nodes: what runs, what is refused, what is logged, and that it stays as it was made.

For k3s and, in `make test-full`, for RKE2 (`rke2/release.py`). The stand-in does what RKE2 makes of its
configuration, but not what RKE2's profile adds by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kbootstrap.distros import find
from tests.e2e.lab import Lab, destroyed_after, new_lab, wait_for
from tests.e2e.rke2.names import NEW, RELEASE
from tests.e2e.specs import local_spec
from tests.e2e.workloads import BOX, bring_box

pytestmark = [pytest.mark.ordered]
C = "e2ecis"
SERVER, AGENT = f"{C}-control-plane-1", f"{C}-default-1"
POD = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: NAME}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: box
      image: {BOX}
      imagePullPolicy: Never
      command: ["sleep", "100000"]
      securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""
CLOSED = ("default", "kube-public", "kube-system")


def spec(distribution: str, *, profile: str = ", profile: cis") -> str:
    kubernetes = f"{{distribution: k3s, version: v1.32.0+k3s1{profile}, disable: [traefik, servicelb]}}"
    mirror = ""
    if distribution == "rke2":
        kubernetes = RELEASE.kubernetes(NEW, *filter(None, [profile.removeprefix(", ")]))
        mirror = RELEASE.mirror()
    return local_spec(C, kubernetes=kubernetes, mirror=mirror, pools="      - {name: default, nodes: 1}\n")


@pytest.fixture(scope="module", params=["k3s", pytest.param("rke2", marks=pytest.mark.full)])
def distribution(request: pytest.FixtureRequest) -> str:
    if request.param == "rke2" and not RELEASE.enforces:
        pytest.skip("these pod networks do not enforce network policies, so the profile is refused (KB0366)")
    return str(request.param)


@pytest.fixture(scope="module")
def cluster(distribution: str, tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    lab = new_lab(tmp_path_factory, f"hardened-{distribution}", tool)
    lab.spec(spec(distribution))
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        if distribution == "rke2" and RELEASE.vendor:
            bring_box(lab, (SERVER, AGENT), find("rke2").command("ctr"))
        yield lab


@pytest.fixture
def data(distribution: str) -> str:
    return f"/var/lib/rancher/{distribution}"


def test_everything_of_the_cluster_runs(cluster: Lab, distribution: str) -> None:
    assert cluster.ready_nodes() == {SERVER, AGENT}
    found = cluster.get("-n", "kube-system", "deployments")["items"]
    assert found
    for one in found:
        name = one["metadata"]["name"]
        cluster.kubectl("-n", "kube-system", "rollout", "status", f"deployment/{name}", "--timeout=280s")
    for node, unit in ((SERVER, "" if distribution == "k3s" else "-server"), (AGENT, "-agent")):
        said = cluster.on_node(node, f"journalctl -u {distribution}{unit} -o cat")
        assert "Unknown flag" not in said
        assert "unknown flag" not in said
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_machines_are_prepared(cluster: Lab, distribution: str) -> None:
    for node in (SERVER, AGENT):
        names = "vm.overcommit_memory kernel.panic kernel.panic_on_oops vm.panic_on_oom"
        assert cluster.on_node(node, f"sysctl -n {names}").split() == ["1", "10", "1", "0"]
    if distribution == "rke2":
        assert cluster.on_node(SERVER, "grep ^etcd: /etc/passwd").endswith("/sbin/nologin")


def test_pods_are_restricted(cluster: Lab) -> None:
    """Those that ask for nothing run, and find the DNS in a namespace that is closed to them otherwise."""
    cluster.namespace("app")
    bad = POD.replace("NAME", "bad").replace("allowPrivilegeEscalation: false", "privileged: true")
    cluster.kubectl("-n", "app", "apply", "-f", "-", stdin=bad, check=False)
    cluster.kubectl("-n", "app", "apply", "-f", "-", stdin=POD.replace("NAME", "good"))
    cluster.kubectl("-n", "app", "wait", "--for=condition=Ready", "pod/good", "--timeout=280s")
    assert [one["metadata"]["name"] for one in cluster.get("-n", "app", "pods")["items"]] == ["good"]
    lookup = ("-n", "app", "exec", "good", "--", "nslookup", "kubernetes.default.svc.cluster.local")
    wait_for("the DNS answers", lambda: cluster.kubectl(*lookup))


def test_namespaces_are_closed(cluster: Lab, distribution: str) -> None:
    if distribution == "rke2" and not RELEASE.vendor:
        pytest.skip("RKE2 does it itself, and the stand-in does not")
    for name in CLOSED:
        assert cluster.get("-n", name, "networkpolicies")["items"]
        account = cluster.get("-n", name, "serviceaccount/default")
        assert account["automountServiceAccountToken"] is False
    if distribution == "rke2":
        return  # RKE2 lets in what it says itself
    [dns, *_] = cluster.get("-n", "kube-system", "pods", "-l", "k8s-app=kube-dns")["items"]
    url = f"http://{dns['status']['podIP']}:9153/metrics"
    ask = f"wget -q -T 5 -O /dev/null {url} && echo open || echo closed"
    shell = ("-n", "app", "exec", "good", "--", "sh", "-c", ask)
    wait_for("its metrics are closed", lambda: cluster.kubectl(*shell).strip() == "closed")
    usage = ("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")
    wait_for("the API server reaches metrics-server", lambda: "usage" in cluster.kubectl(*usage))


def test_requests_are_logged_without_their_bodies(cluster: Lab, distribution: str, data: str) -> None:
    """And only root can read the log. RKE2's folder for it is open, in a folder that is closed."""
    cluster.kubectl("-n", "app", "create", "secret", "generic", "word", "--from-literal=word=open-sesame")
    log = f"{data}/server/logs/audit.log"
    made = [json.loads(line) for line in cluster.on_node(SERVER, f"grep /secrets {log}").splitlines()]
    [entry] = [one for one in made if one["objectRef"].get("namespace") == "app" and one["verb"] == "create"]
    assert entry["objectRef"]["resource"] == "secrets"
    assert not {"requestObject", "responseObject"} & {*entry}
    assert cluster.on_node(SERVER, f"grep -c open-sesame {log} || true") == "0"
    entries = [json.loads(line) for line in cluster.on_node(SERVER, f"tail -n 500 {log}").splitlines()]
    quiet = [one for one in entries if one.get("objectRef", {}).get("resource") == "leases"]
    assert "update" not in {one["verb"] for one in quiet}
    folder = f"{data}/server/logs" if distribution == "k3s" else f"{data}/server"
    assert cluster.on_node(SERVER, f"stat -c %a {log} {folder}").split() == ["600", "700"]


def test_secrets_and_files_are_closed(cluster: Lab, distribution: str, data: str) -> None:
    assert "Enabled" in cluster.on_node(SERVER, f"/usr/local/bin/{distribution} secrets-encrypt status")
    if distribution == "k3s":
        # The API server writes a public certificate for itself into temporary-certs whenever it starts.
        places = f"find {data}/server/tls -name temporary-certs -prune -o -name '*.crt' -perm /077 -print"
        assert cluster.on_node(SERVER, places) == ""
    for node in (SERVER, AGENT):
        folder = f"/etc/rancher/{distribution}"
        assert cluster.on_node(node, f"find {folder} -type f -perm /077") == ""


def test_audits_find_only_what_depends_on_the_workloads(cluster: Lab, distribution: str) -> None:
    """As docs/conformance.md lists it; `host-…` are settings of the machine that runs the containers."""
    if distribution == "rke2" and not RELEASE.vendor:
        pytest.skip("the components of the stand-in are no processes of their own")
    report = json.loads(cluster.run("conformance", "spec.yaml", "-o", "json", code=1).stdout)["clusters"][0]
    found = {
        (one["object"]["name"], one["id"], one["outcome"])
        for one in report["results"]
        if one["outcome"] != "passed" and not one["id"].startswith("host-")
    }
    both = {(node, rule, "failed") for node in (SERVER, AGENT) for rule in ("4.2.13", "4.2.14")}
    assert found == both | {(SERVER, rule, "failed") for rule in ("1.2.3", "1.2.11")}


def test_the_profile_stays(cluster: Lab, distribution: str) -> None:
    cluster.spec(spec(distribution, profile=", secrets_encryption: true"))
    said = " ".join(cluster.run("plan", "spec.yaml", code=8).stderr.split())
    assert said.count("KB0811") >= 2
    cluster.spec(spec(distribution))
    cluster.run("plan", "--detailed-exitcode", "spec.yaml")
