"""Machines that exist: containers that tests make with the engine alone, reached through one of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.local import image
from kbootstrap.providers.local.engine import detect
from kbootstrap.providers.local.options import Options, options
from tests.e2e import ranges
from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.specs import WITHOUT
from tests.providers.local.fake import context

USER, BASTION_USER = "ops", "jump"
_SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider:
      ssh:
        bastion: {{host: {bastion}, user: {jump}}}
        known_hosts: {{file: ./known_hosts}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, disable: {without}}}
    ssh: {{user: {user}, private_key: {{file: ./key}}}}
    control_plane: {{hosts: [{servers}]}}
    pools: {pools}
"""
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"

_SETUP = """\
set -e
rm -f /etc/ssh/sshd_config.d/*.conf
useradd --create-home --shell /bin/sh --password '*' {user}
cat > /etc/ssh/sshd_config.d/test.conf <<END
HostKey /etc/ssh/ssh_host_ed25519_key
AllowUsers {allowed}
UsePAM no
PasswordAuthentication no
END
install -d -o {user} -m 700 /home/{user}/.ssh
cat > /home/{user}/.ssh/authorized_keys
chown {user} /home/{user}/.ssh/authorized_keys
if {sudo}; then echo '{user} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/{user}; fi
systemctl restart ssh
"""


@dataclass
class Metal:
    """A network of addresses `10.<…>.0.*` with a bastion at .5; `folder` gets the key to log in with."""

    name: str
    folder: Path
    prefix: str = field(default_factory=ranges.free)
    made: list[str] = field(default_factory=list)
    other: str = ""

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "key"

    def address(self, host: int) -> str:
        """Return an address of the network."""
        return f"{self.prefix}.0.{host}"

    def start(self) -> None:
        """Make key, network and bastion; first remove what a killed run left."""
        self.stop()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self._ask("network", "create", "--subnet", f"{self.prefix}.0.0/24", self.name)
        self._options = asyncio.run(self._prepared())
        self._machine(f"{self.name}-bastion", 5, BASTION_USER, BASTION_USER, sudo=False)

    def machine(self, name: str, host: int) -> str:
        """Make a machine that lets `ops` in from the bastion alone; return its container's name."""
        return self._machine(f"{self.name}-{name}", host, USER, f"{USER}@{self.address(5)}", sudo=True)

    def welcome(self, container: str) -> None:
        """Let the user's login shell print something before every command, on both outputs."""
        noise = "echo '*** welcome ***'; echo noise >&2"
        self.on(container, f'usermod --shell /bin/bash {USER}; echo "{noise}" > /home/{USER}/.bashrc')

    def known_hosts(self) -> str:
        """Return the host keys of all machines as a known_hosts file."""
        lines = []
        for name in self.made:
            form = f'{{{{(index .NetworkSettings.Networks "{self.name}").IPAddress}}}}'
            lines.append(
                f"{self._ask('inspect', '--format', form, name)} {self.on(name, f'cat {HOST_KEY}')}\n"
            )
        return "".join(lines)

    def lab(self) -> Lab:
        """Return a lab in the folder, with the right host keys; OpenTofu is not there."""
        lab = Lab(self.folder, "/nowhere/tofu")
        (lab.folder / "known_hosts").write_text(self.known_hosts())
        return lab

    def spec(self, name: str, cluster: str, *, servers: str, pools: str) -> str:
        """Return a spec of one cluster on machines behind the bastion.

        `servers` is what stands between the brackets of the hosts, `pools` a list in YAML.
        """
        return _SPEC.format(
            name=name,
            cluster=cluster,
            bastion=self.address(5),
            jump=BASTION_USER,
            without=WITHOUT,
            user=USER,
            servers=servers,
            pools=pools,
        )

    def outside(self) -> None:
        """Make a second network, `10.<…>.0.*` of another range."""
        self.other = ranges.free()
        self._ask("network", "create", "--subnet", f"{self.other}.0.0/24", f"{self.name}-outside")

    def connect(self, container: str, host: int) -> None:
        """Connect a machine to the second network, and lead its default route through it."""
        address = f"{self.other}.0.{host}"
        self._ask("network", "connect", "--ip", address, f"{self.name}-outside", container)
        link = f"$(ip -o -4 addr show to {address} | awk '{{ print $2 }}')"
        self.on(container, f"ip route replace default via {self.other}.0.1 dev {link}")

    def on(self, name: str, command: str) -> str:
        """Run a command inside a machine, behind the tool's back; return what it printed."""
        return self._ask("exec", name, "sh", "-c", command)

    def stop(self) -> None:
        """Remove all containers and networks of this name."""
        containers = self._ask("ps", "--all", "--quiet", f"--filter=name=^/?{self.name}-").split()
        if containers:
            self._ask("rm", "--force", "--volumes", *containers)
        networks = self._ask("network", "ls", "--format={{.Name}}").split()
        if found := [one for one in networks if one in {self.name, f"{self.name}-outside"}]:
            self._ask("network", "rm", *found)

    def _machine(self, name: str, host: int, user: str, allowed: str, *, sudo: bool) -> str:
        chosen = self._options
        self.made.append(name)
        place = ["--network", self.name, "--ip", self.address(host), "--hostname", name, "--name", name]
        words = ["run", "--detach", "--tty", "--pull=never", "--stop-signal=SIGRTMIN+3", *place]
        self._ask(*words, *chosen.every, *chosen.node, image.image_name())
        wait_for("sshd", lambda: self._asked("exec", name, "systemctl", "is-active", "ssh"))
        script = _SETUP.format(user=user, allowed=allowed, sudo="true" if sudo else "false")
        command = [engine(), "exec", "--interactive", name, "sh", "-c", script]
        subprocess.run(command, input=self.key.with_suffix(".pub").read_bytes(), check=True)
        return name

    async def _prepared(self) -> Options:
        """Return what nodes need with this engine; the image is there then."""
        env = dict(os.environ) | {"KBOOTSTRAP_ENGINE": engine()}
        space = Workspace.beside(self.folder / "x.yaml").of(self.name)
        apart = self.folder / "machines"
        apart.mkdir(exist_ok=True)
        here = replace(context(LocalRunner(), apart, env), cache=cache_folder(env), space=space)
        found = await detect(None, here)
        return await options(found, await image.ensure(found, here), here)

    def _ask(self, *words: str) -> str:
        done = subprocess.run([engine(), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def _asked(self, *words: str) -> bool:
        return subprocess.run([engine(), *words], capture_output=True, check=False).returncode == 0
