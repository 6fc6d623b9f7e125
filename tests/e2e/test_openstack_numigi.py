"""The managed ERP service of `specs/numigi.yaml` on a real OpenStack, with the stand-in for RKE2.

Three hardened clusters side by side. Only what names the cloud differs from the spec of the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kbootstrap.kubeconfig.paths import entry_name
from tests.e2e.lab import CHECKOUT
from tests.e2e.stack import LONG, Stack, soon, stack
from tests.standin import engine

pytestmark = [pytest.mark.full, pytest.mark.ordered, pytest.mark.timeout(4000)]
SPEC = (CHECKOUT / "specs" / "numigi.yaml").read_text(encoding="utf-8")
CLOUD = {
    "cloud: ovh, region: BHS5, external_network: Ext-Net": "cloud: kbootstrap-lab, external_network: public",
    "{user: debian, authorized_keys: [{file: ~/.ssh/id_ed25519.pub}]}": (
        "{private_key: {file: ./id_ed25519}, authorized_keys: [{file: ./id_ed25519.pub}],"
        " allowed_cidrs: [0.0.0.0/0]}"
    ),
    "version: v1.32.1+rke2r1": f"version: {engine.NEW}",
    "flavor: b3-8}": "flavor: lab.large}",
    "flavor: b3-32,": "flavor: lab.medium,",
    "flavor: b3-16,": "flavor: lab.medium,",
}
"""Parts of the spec, and what is in their place on the test cloud."""
NODES = {
    "production": {f"production-{name}-{n}" for name in ("control-plane", "clients") for n in (1, 2, 3)},
    "staging": {"staging-control-plane-1", "staging-sandbox-1"},
    "tools": {"tools-control-plane-1", "tools-default-1"},
}


def text() -> str:
    """Return the spec as it is on the test cloud."""
    found = SPEC
    for there, here in CLOUD.items():
        assert there in found
        found = found.replace(there, here)
    mirror = f'  artifacts: {{mirror: "file://{engine.mirror()}"}}\n'
    return found.replace("\nclusters:\n", f"{mirror}  api: {{allowed_cidrs: [0.0.0.0/0]}}\n\nclusters:\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The three clusters, applied once."""
    with stack(tmp_path_factory.mktemp("numigi"), "numigi") as made:
        made.lab.extra["KBOOTSTRAP_TOFU"] = made.lab.tool
        made.key()
        made.lab.spec(text())
        try:
            made.apply()
            yield made
        finally:
            made.destroy()


def test_all_nodes_of_all_clusters_are_ready(made: Stack) -> None:
    for cluster, nodes in NODES.items():
        made.lab.kubectl("config", "use-context", entry_name("numigi", cluster))
        made.ready(nodes, voting=3 if cluster == "production" else 0)
        versions = {one["status"]["nodeInfo"]["kubeletVersion"] for one in made.lab.get("nodes")["items"]}
        assert versions == {engine.NEW}


def test_they_are_hardened(made: Stack) -> None:
    """The profile is in force: a pod that would be root is refused."""
    for cluster in NODES:
        made.lab.kubectl("config", "use-context", entry_name("numigi", cluster))
        said = made.lab.kubectl("run", "root", "--image=none", "--dry-run=server", check=False)
        assert "created" not in said
        assert made.on_node(f"{cluster}-control-plane-1", "cat /proc/sys/kernel/panic_on_oops") == "1"


def test_status_and_a_second_apply(made: Stack) -> None:
    def well() -> bool:
        return made.lab.run("status", "spec.yaml", code=None, timeout=LONG).returncode == 0

    soon("all is well", well)
    shown = json.loads(made.lab.run("status", "-o", "json", "spec.yaml", timeout=LONG).stdout)
    assert {one["name"]: len(one["nodes"]) for one in shown["clusters"]} == {
        name: len(nodes) for name, nodes in NODES.items()
    }
    made.nothing_to_do()
