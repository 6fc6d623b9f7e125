"""An address that servers share, in a real Neutron: only its packets pass, and a floating IP leads to it.

Only the infrastructure is made, by OpenTofu from what `render` writes. kube-vip is not run: the machines
reach no registry. The test puts the address on a server and announces it, which is what kube-vip does for
the one that it elected; no election is proven here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.mirror import with_mirror
from tests.e2e.stack import LONG, SOON, Stack, soon, spec, stack

pytestmark = [pytest.mark.full, pytest.mark.timeout(4000)]
VIP, FOREIGN = "10.60.0.10", "10.60.0.19"
VIRTUAL_IP = spec("v", "[]", servers=3, endpoint="virtual_ip", flavor="lab.tiny")
# A gratuitous ARP request: sender and target are the address that moved (RFC 5227, section 3).
ANNOUNCE = """
import socket, sys
dev, ip = sys.argv[1], socket.inet_aton(sys.argv[2])
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((dev, 0))
mac = out.getsockname()[4]
out.send(b"\\xff" * 6 + mac + b"\\x08\\x06\\0\\1\\x08\\0\\6\\4\\0\\1" + mac + ip + b"\\0" * 6 + ip)
"""


@dataclass
class Infrastructure:
    """The machines, and the outputs of the root."""

    made: Stack
    root: Path

    def tofu(self, *arguments: str) -> str:
        folder = cache.root(self.made.lab.env)
        env = with_mirror(environment(self.made.lab.env, folder), folder, ["openstack"])
        keys = json.dumps([(self.made.lab.folder / "id_ed25519.pub").read_text().strip()])
        words = [self.made.lab.tool, *arguments]
        done = subprocess.run(
            words,
            cwd=self.root,
            env={**env, "TF_VAR_ssh_authorized_keys": keys},
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.tofu("output", "-json", "kbootstrap"))
        return found

    def on(self, ordinal: int, command: str, *, text: str = "") -> str:
        """Run a command on a server, as root, through the first one."""
        options = [
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ]
        login = ["ssh", *options, "-o", "ConnectTimeout=10", "-i", str(self.made.lab.folder / "id_ed25519")]
        first = f"kbootstrap@{self.outputs['bastion']['address']}"
        proxy = ["-o", f"ProxyCommand={' '.join(login)} -W %h:%p {first}"]
        done = subprocess.run(
            [*login, *proxy, f"kbootstrap@10.60.0.{10 + ordinal}", f"sudo sh -c '{command}'"],
            input=text,
            capture_output=True,
            text=True,
            timeout=SOON,
            check=True,
        )
        return done.stdout.strip()

    def take(self, ordinal: int, address: str) -> None:
        """Put an address on a server and announce it."""
        dev = self.on(ordinal, "ip -o -4 route show default").split()[4]
        self.on(ordinal, f"ip address replace {address}/32 dev {dev}")
        self.on(ordinal, f"python3 - {dev} {address}", text=ANNOUNCE)

    def answering(self) -> str:
        """Return which server answers at the API's port of the floating IP, nothing when none does."""
        try:
            with urlopen(
                f"http://{self.outputs['endpoint']['external']['host']}:6443/hostname", timeout=5
            ) as got:
                return str(got.read().decode().strip())
        except OSError:
            return ""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infrastructure]:
    with stack(tmp_path_factory.mktemp("vip"), "vip") as made:
        made.spec(VIRTUAL_IP)
        made.lab.run("lock", "spec.yaml")
        made.lab.run("render", "--out", "tree", "spec.yaml")
        [backend] = (made.lab.folder / "tree").rglob("backend.tf")
        found = Infrastructure(made, backend.parent)
        found.tofu("init", "-input=false")
        try:
            found.tofu("apply", "-auto-approve", "-input=false")
            for ordinal in (1, 2, 3):
                soon(f"server {ordinal}", partial(_ssh, found, ordinal))
                found.on(ordinal, "mkdir -p /srv/api && hostname >/srv/api/hostname")
                serve = "systemd-run --collect python3 -m http.server 6443 --directory /srv/api"
                found.on(ordinal, serve)
            yield found
        finally:
            found.tofu("destroy", "-auto-approve", "-input=false")


def _ssh(found: Infrastructure, ordinal: int) -> bool:
    try:
        return bool(found.on(ordinal, "hostname"))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False


def _reaches(found: Infrastructure, ordinal: int, address: str) -> bool:
    """Return whether a server reaches an address."""
    connect = f"import socket; socket.create_connection(({address!r}, 6443), 10)"
    try:
        found.on(ordinal, "python3 -", text=connect)
    except subprocess.CalledProcessError:
        return False
    return True


def test_there_is_no_answer_before_a_server_has_the_address(machines: Infrastructure) -> None:
    assert machines.outputs["endpoint"]["internal"] == {"host": VIP, "port": 6443}
    assert machines.answering() == ""


def test_only_the_shared_address_passes(machines: Infrastructure) -> None:
    machines.take(2, VIP)
    machines.take(2, FOREIGN)
    soon("the address is reached", lambda: _reaches(machines, 3, VIP))
    assert not _reaches(machines, 3, FOREIGN)
    soon("the floating IP leads there", lambda: machines.answering() == "v-control-plane-2")
