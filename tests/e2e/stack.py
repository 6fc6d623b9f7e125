"""What the end-to-end tests on OpenStack share: the test cloud, a project for each test."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cloud.client import Cloud, Project, find
from tests.e2e.lab import CHECKOUT, Lab, need, program

SPEC = (CHECKOUT / "specs" / "openstack-lab.yaml").read_text(encoding="utf-8")


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

    def spec(self, text: str) -> Path:
        """Write a spec whose nodes know a key of this test."""
        key = self.lab.folder / "id_ed25519"
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        login = "private_key: {file: ./id_ed25519}, authorized_keys: [{file: ./id_ed25519.pub}]"
        with_key, changed = re.subn(r"(?m)^(    ssh: \{)", rf"\g<1>{login}, ", text)
        assert changed == 1, "the spec has no `ssh: {…}` to write the key into"
        return self.lab.spec(with_key)

    def on_node(self, node: str, command: str, *, check: bool = True) -> str:
        """Run a command on a node through `kbootstrap ssh`."""
        words = ("ssh", "spec.yaml", node, "--", "sh", "-c", command)
        return self.lab.run(*words, timeout=90, code=0 if check else None).stdout.strip()

    def nothing_to_do(self) -> None:
        """See that a further apply has nothing to do, and says so."""
        done = self.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
        assert "nothing to do" in done.stderr.lower()

    def volumes(self) -> set[str]:
        """Return the IDs of the project's volumes as the cloud's operator sees them."""
        found = self.cloud.admin.block_storage.volumes(all_projects=True, project_id=self.project.id)
        return {one.id for one in found}


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


def opens(address: str, port: int) -> bool:
    """Return whether a TCP port answers this machine."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False
