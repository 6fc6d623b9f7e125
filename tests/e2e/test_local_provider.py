"""The local provider against real engines: Docker and Podman, whichever are installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import jsonschema
import pytest

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.core import resources
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.inventory.contract import joined
from kbootstrap.inventory.model import Machine
from kbootstrap.providers import find
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.mount import VOLUME
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.render.write import write
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.model import Cluster, Spec
from tests.e2e import ranges
from tests.e2e.lab import LONG, SHORT, need, program
from tests.e2e.specs import NETWORK
from tests.providers.contexts import define

LOCAL = find("local")
FIRST = ("docker", "tofu")
"""The engine and the tool that all tests run with. Podman runs one, and with `--full` all pairs run all."""
PODMAN = ("podman", "tofu")
OTHERS = (("docker", "terraform"), PODMAN, ("podman", "terraform"))
smoke = pytest.mark.smoke


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "site" not in metafunc.fixturenames:
        return
    usual = {FIRST, PODMAN} if metafunc.definition.get_closest_marker("smoke") else {FIRST}
    pairs = [
        pytest.param(pair, marks=[] if pair in usual else [pytest.mark.full], id="-".join(pair))
        for pair in (FIRST, *OTHERS)
    ]
    metafunc.parametrize("site", pairs, indirect=True)


@dataclass
class Site:
    """One cluster of containers without Kubernetes: what tofu and the provider do, and nothing else."""

    engine: str
    tool: str
    folder: Path
    name: str
    servers: int = 1
    prefix: str = field(default_factory=ranges.free)
    port: int | None = None
    pool: str = "name: web"

    @property
    def spec(self) -> Spec:
        setting = f"engine: {self.engine}" + (f", api_port: {self.port}" if self.port else "")
        path = self.folder / "spec.yaml"
        path.write_text(
            f"apiVersion: kbootstrap/v1alpha1\nname: {self.name}\nclusters:\n  {self.name}:\n"
            f"    provider: {{local: {{{setting}}}}}\n"
            "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}\n"
            f"    network: {NETWORK.replace('10.X', self.prefix)}\n"
            f"    control_plane: {{nodes: {self.servers}}}\n    pools: [{{{self.pool}, nodes: 1}}]\n"
        )
        return load(path).checked(path)

    @property
    def cluster(self) -> Cluster:
        return self.spec.clusters[0]

    @property
    def context(self) -> ProviderContext:
        env, spec = dict(os.environ), self.spec
        space = Workspace.beside(self.folder / "spec.yaml").of(self.name)
        it = define(spec, spec.clusters[0], allocate(spec, Lock()))
        return ProviderContext(
            spec,
            it.cluster,
            it.lock,
            it.nodes,
            LocalRunner(),
            env,
            cache_folder(env),
            space,
            Redactor(),
            nowhere,
        )

    async def gone(self) -> dict[str, str]:
        states = (await LOCAL.inspect(self.context, outputs=await self.outputs())).values()
        return {address: state.gone for state in states for address in state.replace}

    async def prepare(self) -> dict[str, str]:
        """Write the root and return tofu's environment."""
        context = self.context
        variables = await LOCAL.prepare(context)
        root = LOCAL.render(context)
        tree = assemble("spec.yaml", {self.name: root}, read_modules(resources.terraform_modules()))
        write(tree, context.space.base, whole=False, force=True)
        env = {**os.environ, **variables}
        env.pop("TF_CLI_CONFIG_FILE", None)
        return env

    async def tofu(self, *arguments: str, check: bool = True) -> tuple[int, str]:
        env = await self.prepare()
        for argv in (["init", "-input=false"], list(arguments)):
            command = [self.tool, *argv, "-no-color"]
            done = await LocalRunner().run(
                command, cwd=self.context.space.root, env=env, deadline=LONG, check=False
            )
            assert not check or done.status == 0, done.stdout + done.stderr
        return done.status, done.stdout + done.stderr

    async def apply(self, *arguments: str, check: bool = True) -> tuple[int, str]:
        return await self.tofu("apply", "-auto-approve", *arguments, check=check)

    async def outputs(self) -> dict[str, Any]:
        _, text = await self.tofu("output", "-json")
        return dict(joined({name: item["value"] for name, item in json.loads(text).items()}))

    async def machines(self) -> dict[str, Machine]:
        return (await LOCAL.inventory(self.context, await self.outputs())).machines

    def ask(self, *arguments: str) -> str:
        done = subprocess.run([self.engine, *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def log(self, name: str) -> str:
        """Return what the first process of a container wrote to its standard error."""
        words = [self.engine, "logs", name]
        return subprocess.run(words, capture_output=True, text=True, check=True).stderr

    def left(self) -> str:
        label = f"label=kbootstrap.spec={self.name}"
        return self.ask("ps", "-aq", "--filter", label) + self.ask("network", "ls", "-q", "--filter", label)

    def volumes(self) -> set[str]:
        """Volumes of our containers, without the one that all nodes share."""
        ids = self.ask("ps", "-aq", "--filter", f"label=kbootstrap.spec={self.name}").split()
        form = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
        found = self.ask("container", "inspect", "--format", form, *ids).split() if ids else ()
        return {*found} - {VOLUME}


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    engine, tool = request.param
    need(shutil.which(engine), f"{engine} is not installed")
    found = program(tool)
    need(found, f"{tool} is not installed")
    made = Site(engine, str(found), tmp_path, f"lp{uuid.uuid4().hex[:8]}")
    try:
        await made.prepare()
    except PrerequisiteMissing as missing:
        need(None, f"{engine} cannot run nodes here: {missing.message}\n{missing.detail}")
    yield made
    await LOCAL.remove_orphans(made.context, OrphanPhase.AFTER_DESTROY)


async def run(machine: Machine, command: str) -> str:
    """Run a command over SSH; the host key must be the one that the inventory knows."""
    end = time.monotonic() + SHORT
    while True:
        try:
            return await _run(machine, command)
        except (OSError, asyncssh.ConnectionLost):
            # The host key is there a moment before sshd is; until then the engine's port resets connections.
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)


async def _run(machine: Machine, command: str) -> str:
    key = asyncssh.import_public_key(machine.host_keys[0])
    async with asyncssh.connect(
        machine.ssh.host,
        machine.ssh.port,
        username=machine.ssh.user,
        client_keys=[str(path) for path in machine.ssh.identities],
        known_hosts=([key], [], []),
        config=None,
        agent_path=None,
    ) as connection:
        return str((await connection.run(command, check=True)).stdout).strip()


@smoke
async def test_apply_ssh_destroy(site: Site) -> None:
    await site.apply()
    outputs = await site.outputs()
    schema = json.loads((resources.schemas() / "output.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(outputs["kbootstrap"])

    machines = await site.machines()
    web = machines[f"{site.name}-web-1"]
    assert await run(web, "hostname; sudo id -u") == f"{site.name}-web-1\n0"
    assert web.address in await run(web, "ip -4 address show dev eth0")
    assert await run(web, "systemctl is-system-running --wait") == "running"
    server = machines[f"{site.name}-control-plane-1"]
    assert (
        await run(web, f"ssh-keyscan -t ed25519 {server.address} 2>/dev/null | cut -d' ' -f2,3")
        in server.host_keys
    )

    status, text = await site.tofu("plan", "-detailed-exitcode")
    assert status == 0, text
    assert await site.gone() == {}

    volumes = site.volumes()
    assert len(volumes) == 2
    await site.tofu("destroy", "-auto-approve")
    assert not site.left()
    assert not volumes & set(site.ask("volume", "ls", "-q").split())


async def test_missing_containers_are_recreated_and_stopped_ones_started(site: Site) -> None:
    await site.apply()
    before = await site.machines()
    web, server = f"{site.name}-web-1", f"{site.name}-control-plane-1"

    site.ask("stop", "--time", "2", server)
    again = await site.machines()
    assert again[server].instance == before[server].instance
    assert again[server].host_keys == before[server].host_keys
    assert await run(again[server], "hostname") == server

    site.ask("rm", "--force", "--volumes", web)
    gone = await site.gone()
    assert list(gone) == [f'module.pool_web.terraform_data.node["{web}"]']
    await site.apply(*(f"-replace={address}" for address in gone))
    after = await site.machines()
    assert after[web].instance != before[web].instance
    assert after[web].host_keys != before[web].host_keys
    assert after[server].instance == before[server].instance


@pytest.mark.full
async def test_leftovers_of_a_killed_run_are_replaced_and_cleaned(site: Site) -> None:
    await site.apply()
    (site.context.space.root / "terraform.tfstate").unlink()
    await site.apply()
    assert await run((await site.machines())[f"{site.name}-web-1"], "hostname")

    (site.context.space.root / "terraform.tfstate").unlink()
    await LOCAL.remove_orphans(site.context, OrphanPhase.AFTER_DESTROY)
    assert not site.left()


async def test_destroy_of_what_is_gone_already(site: Site) -> None:
    await site.apply()
    await LOCAL.remove_orphans(site.context, OrphanPhase.AFTER_DESTROY)
    await site.tofu("destroy", "-auto-approve")


async def test_a_renamed_pool_keeps_its_machines(site: Site) -> None:
    await site.apply()
    before = await site.machines()
    for site.pool in ("name: front, renamed_from: [web]", "name: edge, renamed_from: [web, front]"):
        status, text = await site.tofu("plan", "-detailed-exitcode", check=False)
        assert status == 2, text
        assert "has moved to" in text
        assert "0 to add, 0 to change, 0 to destroy" in text
        await site.apply()
        status, text = await site.tofu("plan", "-detailed-exitcode", check=False)
        assert status == 0, text
        assert await site.machines() == before
        assert await site.gone() == {}


async def test_more_servers_keep_the_endpoint(site: Site) -> None:
    await site.apply()
    endpoint = site.ask("inspect", "--format", "{{.Id}}", f"{site.name}-api")
    site.servers = 3
    status, text = await site.tofu("plan", "-detailed-exitcode", check=False)
    assert status == 2, text
    await site.apply()
    assert site.ask("inspect", "--format", "{{.Id}}", f"{site.name}-api") == endpoint
    config = site.ask("exec", f"{site.name}-api", "cat", "/etc/haproxy/endpoint.cfg")
    assert config.count("\n    server ") == 3
    reloaded = site.log(f"{site.name}-api").rpartition("Reloading HAProxy")[2]
    down = [line for line in reloaded.splitlines() if "is DOWN, changed from server-state" in line]
    machines = await site.machines()
    added = {machines[f"{site.name}-control-plane-{number}"].address for number in (2, 3)}
    assert {line.partition("port_6443/")[2].split()[0] for line in down} == added


async def test_a_taken_port_is_found_before_anything_is_created(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.port = taken.getsockname()[1]
        with pytest.raises(PrerequisiteMissing, match=str(site.port)) as caught:
            await site.prepare()
    assert caught.value.code == "KB0606"
    assert not site.left()


async def test_a_create_that_fails_leaves_nothing_half_made(site: Site) -> None:
    env = await site.prepare()
    engine = json.loads(env["TF_VAR_engine"]) | {"image": "kbootstrap-node:nowhere"}
    status, text = await site.apply(f"-var=engine={json.dumps(engine)}", check=False)
    assert status == 1, text
    assert not site.ask("ps", "-aq", "--filter", f"label=kbootstrap.spec={site.name}")
    await site.apply()


async def test_a_foreign_container_is_never_removed(site: Site) -> None:
    name, image = f"{site.name}-web-1", json.loads((await site.prepare())["TF_VAR_engine"])
    options = [*image["run_options"], "--label=whose=mine", "--entrypoint=/bin/true"]
    site.ask("create", "--name", name, "--pull=never", *options, image["image"])
    try:
        with pytest.raises(KbootstrapError, match=name):
            await site.prepare()
        assert site.ask("ps", "-aq", "--filter", f"name={name}")
    finally:
        site.ask("rm", "--force", name)
