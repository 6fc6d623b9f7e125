"""What the end-to-end tests on OpenStack share: the test cloud, specs, a project for each module, healing."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.inventory.contract import joined
from tests.cloud.client import Cloud, Project, find
from tests.e2e.lab import CHECKOUT, Lab, need, program, voters, wait_for
from tests.e2e.specs import WITHOUT

SPEC = (CHECKOUT / "specs" / "openstack-lab.yaml").read_text(encoding="utf-8")
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
LONG, SOON = 1800.0, 300.0
"""Seconds until a test gives up: for a run that makes machines, and for what usually comes at once. Both hold
on a machine with twenty processes for its two cores."""


def spec(
    cluster: str,
    pools: str,
    *,
    servers: int = 1,
    endpoint: str = "floating_ip",
    version: str = NEW,
    flavor: str = "lab.medium",
    provider: str = "",
    top: str = "",
) -> str:
    """Return a spec with one cluster. `pools` is a list in YAML; `provider` and `top` are more keys there."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: lab
{top}clusters:
  {cluster}:
    provider:
      openstack: {{cloud: kbootstrap-lab, external_network: public, image: {{name: Debian 12}}{provider}}}
    kubernetes: {{distribution: k3s, version: {version}, disable: {WITHOUT}}}
    network: {{cidr: 10.60.0.0/16, control_plane: 10.60.0.0/24, agents: 10.60.4.0/22}}
    api: {{endpoint: {endpoint}, allowed_cidrs: [0.0.0.0/0]}}
    ssh: {{allowed_cidrs: [0.0.0.0/0]}}
    control_plane: {{nodes: {servers}, flavor: {flavor}}}
    pools: {pools}
"""


def test_cloud() -> Cloud:
    """Return the cloud that runs on this machine."""
    cloud = find()
    need(cloud, "the test cloud does not run (make cloud)")
    assert cloud is not None
    return cloud


@dataclass
class Stack:
    """A lab whose clusters are in a project of their own. `sdk` is a connection as the project's user."""

    lab: Lab
    cloud: Cloud
    project: Project
    hurt: bool = False
    """Whether the last test failed, so that the cluster may not be as the spec says."""
    destroyed: bool = False

    def key(self) -> None:
        """Make the key pair `id_ed25519` in the folder."""
        key = self.lab.folder / "id_ed25519"
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)

    def spec(self, text: str) -> Path:
        """Write a spec whose nodes know a key of this test."""
        self.key()
        login = "private_key: {file: ./id_ed25519}, authorized_keys: [{file: ./id_ed25519.pub}]"
        with_key, changed = re.subn(r"(?m)^(    ssh: \{)", rf"\g<1>{login}, ", text)
        assert changed == 1, "the spec has no `ssh: {…}` to write the key into"
        return self.lab.spec(with_key)

    def edit(self, old: str, new: str) -> None:
        """Change a text of the spec that is there once."""
        path = self.lab.folder / "spec.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old} is there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def apply(self) -> str:
        """Apply the spec; return what was reported."""
        return self.lab.run("apply", "-y", "spec.yaml", timeout=LONG).stderr

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the last run."""
        log = max((self.lab.folder / ".kbootstrap" / "events").glob("events-*.jsonl"))
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]

    def changes(self) -> str:
        """Return the plan, which must have changes."""
        return self.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2, timeout=SOON).stderr

    def destroy(self) -> str:
        """Destroy the cluster; return what was reported."""
        done = self.lab.run("destroy", "-y", "spec.yaml", timeout=LONG)
        self.destroyed = True
        return done.stderr

    def on_node(self, node: str, command: str, *, check: bool = True) -> str:
        """Run a command on a node through `kbootstrap ssh`, which gives it to a shell there."""
        words = ("ssh", "spec.yaml", node, "--", command)
        return self.lab.run(*words, timeout=SOON, code=0 if check else None).stdout.strip()

    def nothing_to_do(self) -> None:
        """See that a further apply has nothing to do, and says so."""
        done = self.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml", timeout=LONG)
        assert "nothing to do" in done.stderr.lower()

    def ready(self, nodes: set[str], *, voting: int = 0) -> None:
        """Wait until these nodes and no others are Ready, and so many servers vote in etcd (0: not asked)."""
        wait_for(f"{sorted(nodes)} are Ready", lambda: self.lab.ready_nodes() == nodes, seconds=SOON)
        if voting:
            wait_for(f"{voting} voters", lambda: voters(self.lab) == voting, seconds=SOON)

    def servers(self) -> dict[str, Any]:
        """Return the machines of the project as the cloud's operator sees them, by name."""
        found = self.cloud.admin.compute.servers(all_projects=True, project_id=self.project.id)
        return {server.name: server for server in found}

    def ids(self) -> dict[str, str]:
        """Return the IDs of the project's machines, by name."""
        return {name: server.id for name, server in self.servers().items()}

    def pinned_from_the_console(self, cluster: str, names: Iterable[str]) -> None:
        """See that machines are known by the host keys that their consoles show, not by a first contact."""
        pins = (self.lab.folder / ".kbootstrap" / f"{cluster}.run" / "known_hosts").read_text()
        ids = self.ids()
        for name in names:
            console = self.cloud.admin.compute.get_server_console_output(ids[name])["output"]
            pinned = [line.split()[1:3] for line in pins.splitlines() if line.split()[0] == name]
            assert pinned, f"{name} is not pinned"
            assert all(" ".join(key) in console for key in pinned)

    def lose(self, name: str) -> None:
        """Delete a machine behind kbootstrap's back."""
        self.cloud.admin.compute.delete_server(self.servers()[name], force=True)
        wait_for("the machine is gone", lambda: name not in self.servers(), seconds=SOON)

    def volumes(self) -> set[str]:
        """Return the IDs of the project's volumes as the cloud's operator sees them."""
        found = self.cloud.admin.block_storage.volumes(all_projects=True, project_id=self.project.id)
        return {one.id for one in found}

    def attached(self, node: str) -> str:
        """Return the ID of the one volume that is attached to a node."""
        [one] = self.cloud.admin.compute.volume_attachments(self.ids()[node])
        return str(one.volume_id)

    def disk(self, node: str) -> str:
        """Return the name of a node's volume below /dev, which has the volume's ID."""
        return f"/dev/disk/by-id/virtio-{self.attached(node)[:20]}"

    def outputs(self, cluster: str) -> dict[str, Any]:
        """Return the output contract out of a state that is not encrypted."""
        state = json.loads((self.lab.folder / ".kbootstrap" / cluster / "terraform.tfstate").read_text())
        found: dict[str, Any] = joined({k: v["value"] for k, v in state["outputs"].items()})["kbootstrap"]
        return found

    def choose(self, cluster: str) -> None:
        """Make a cluster the one that kubectl asks."""
        self.lab.kubectl("config", "use-context", f"kbootstrap-lab/{cluster}")


@contextmanager
def stack(
    folder: Path, name: str, *, quotas: dict[str, int] | None = None, password: bool = False
) -> Iterator[Stack]:
    """Make a project for one test; at the end nothing may be left in it.

    kbootstrap gets a restricted application credential of the project's user, or the user's password.
    """
    cloud = test_cloud()
    tool = program("tofu")
    need(tool, "tofu is not installed")
    project = cloud.new_project(name, quotas=quotas)
    try:
        lab = Lab(folder, str(tool), extra=project.environment(folder, application_credential=not password))
        yield Stack(lab, cloud, project)
        left = cloud.leftovers(project)
        assert left == (), left
    finally:
        cloud.remove(project)


def healed(made: Stack, session: pytest.Session) -> Iterator[Stack]:
    """Lend a cluster to one test. Where the test before failed, an apply heals the cluster first.

    So one failure is not followed by others. The apply may fail too; then the test says what is wrong.
    """
    if made.hurt:
        made.lab.run("apply", "-y", "spec.yaml", timeout=LONG, code=None)
    before = session.testsfailed
    yield made
    made.hurt = session.testsfailed > before


def opens(address: str, *ports: int) -> list[int]:
    """Return which of these TCP ports answer this machine; all are asked at once."""

    def answers(port: int) -> bool:
        try:
            with socket.create_connection((address, port), timeout=10):
                return True
        except OSError:
            return False

    with ThreadPoolExecutor(len(ports)) as pool:
        return [port for port, answer in zip(ports, pool.map(answers, ports), strict=True) if answer]


def soon(what: str, condition: Callable[[], object]) -> None:
    """Wait for what usually comes at once."""
    wait_for(what, condition, seconds=SOON)
