"""How machines that exist are reached, and which host keys they must show."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import asyncssh
import pytest

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.hosts.known_hosts import KnownHosts, Pin
from kbootstrap.hosts.pinning import expect
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.ssh.machines import inventory, outputs
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock
from tests.providers.contexts import define


def key() -> str:
    text = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    return " ".join(text.split()[:2])


async def found(
    folder: Path,
    ssh: str = "{}",
    more: str = "",
    tolerate_missing: Collection[str] = (),
    host: str = "",
    **env: str,
) -> Inventory:
    path = folder / "spec.yaml"
    path.write_text(
        f"apiVersion: kbootstrap/v1alpha1\nname: s\nclusters:\n  c:\n    provider: {{ssh: {ssh}}}\n"
        "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}\n"
        f"    control_plane: {{hosts: [{{name: cp, address: 10.0.0.11{host}}}]}}\n"
        f"    pools: [{{name: w, hosts: [{{name: w-1, address: 10.0.0.21}}]}}]\n{more}"
    )
    spec = load(path).checked(path)
    cluster = spec.clusters[0]
    space = Workspace.beside(path).of("c")
    space.run.mkdir(parents=True, exist_ok=True)
    it = define(spec, cluster, Lock())
    context = ProviderContext(
        spec, cluster, Lock(), it.nodes, LocalRunner(), env, folder, space, Redactor(), nowhere
    )
    return await inventory(context, outputs(it)["kbootstrap"], tolerate_missing)


def pins(folder: Path) -> KnownHosts:
    return KnownHosts(Workspace.beside(folder / "spec.yaml").of("c").known_hosts)


async def test_without_anything_root_logs_in_directly(tmp_path: Path) -> None:
    made = await found(tmp_path)
    one = made.machines["cp"].ssh
    assert (one.user, one.host, one.port, one.jump, one.host_keys) == ("root", "10.0.0.11", 22, None, ())
    assert made.external.url == made.internal.url == "https://10.0.0.11:6443"
    assert made.jump is None
    assert made.tls_san == ("10.0.0.11",)


async def test_a_bastion_leads_to_machines_and_to_a_private_api(tmp_path: Path) -> None:
    made = await found(tmp_path, "{bastion: {host: 198.51.100.7, port: 2222}}", "    ssh: {user: ops}\n")
    jump = made.machines["w-1"].ssh.jump
    assert jump is not None
    assert (jump.key_alias, jump.host, jump.port, jump.user) == ("c-bastion", "198.51.100.7", 2222, "ops")
    assert made.jump == jump


@pytest.mark.parametrize("endpoint", ["api.example.org", "8.8.8.8"])
async def test_an_endpoint_that_others_reach_too_is_asked_directly(tmp_path: Path, endpoint: str) -> None:
    made = await found(tmp_path, "{bastion: {host: 198.51.100.7}}", f"    api: {{endpoint: {endpoint}}}\n")
    assert made.jump is None
    assert made.external.host == endpoint
    assert made.tls_san == (endpoint,)


async def test_a_machine_that_is_the_bastion_is_reached_directly(tmp_path: Path) -> None:
    made = await found(tmp_path, "{bastion: {host: 10.0.0.11}}")
    assert made.machines["cp"].ssh.jump is None
    assert made.machines["w-1"].ssh.jump is not None


async def test_the_operators_file_decides_also_against_a_pin(tmp_path: Path) -> None:
    one, two, new = key(), key(), key()
    file = tmp_path / "known_hosts"
    file.write_text(f"10.0.0.11 {one}\n@revoked 10.0.0.21 {new}\n10.0.0.* {two} comment\n10.0.0.21 {new}\n")
    first = (await found(tmp_path, "{known_hosts: {file: ./known_hosts}}")).machines
    assert set(first["cp"].host_keys) == {one, two}
    assert first["w-1"].host_keys == (two,)

    pins(tmp_path).store(Pin("w-1", first["w-1"].instance, (two,)))
    file.write_text(f"10.0.0.11 {one}\n10.0.0.21 {new}\n")
    second = (await found(tmp_path, "{known_hosts: {file: ./known_hosts}}")).machines["w-1"]
    wanted = expect(instance=second.instance, trusted=second.host_keys, pin=pins(tmp_path).pin("w-1"))
    assert wanted.keys == (new,)


async def test_taking_the_file_away_keeps_the_pins(tmp_path: Path) -> None:
    one = key()
    (tmp_path / "known_hosts").write_text(f"10.0.0.* {one}\n")
    before = (await found(tmp_path, "{known_hosts: {file: known_hosts}}")).machines["cp"]
    pins(tmp_path).store(Pin("cp", before.instance, before.host_keys))
    after = (await found(tmp_path)).machines["cp"]
    assert expect(instance=after.instance, trusted=(), pin=pins(tmp_path).pin("cp")).keys == (one,)


async def test_a_hashed_name_and_another_port(tmp_path: Path) -> None:
    one, jump = key(), key()
    # `ssh-keygen -H` of a line for 10.0.0.11 and one for [198.51.100.7]:2222, with the salt "salt".
    import base64
    import hashlib
    import hmac

    def hashed(name: str) -> str:
        salt = b"s" * 20
        digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
        return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"

    (tmp_path / "known_hosts").write_text(
        f"{hashed('10.0.0.11')} {one}\n{hashed('[198.51.100.7]:2222')} {jump}\n10.0.0.21 {one}\n"
    )
    settings = "{known_hosts: {file: known_hosts}, bastion: {host: 198.51.100.7, port: 2222}}"
    target = (await found(tmp_path, settings)).machines["cp"].ssh
    assert target.host_keys == (one,)
    assert target.jump is not None
    assert target.jump.host_keys == (jump,)


async def test_every_machine_without_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"10.0.0.11 {key()}\n")
    with pytest.raises(PrerequisiteMissing, match=r"c-bastion \(b\.example\.org\), w-1") as caught:
        await found(tmp_path, "{known_hosts: {file: known_hosts}, bastion: {host: b.example.org}}")
    assert caught.value.code == "KB0651"


@pytest.mark.parametrize("text", [None, "10.0.0.11 ssh-ed25519 !!!\n", "10.0.0.11\n"])
async def test_a_file_that_is_not_there_or_makes_no_sense(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "known_hosts").write_text(text)
    with pytest.raises((CredentialsRefused, PrerequisiteMissing)) as caught:
        await found(tmp_path, "{known_hosts: {file: known_hosts}}")
    assert caught.value.code in {"KB0650", "KB0651"}


async def test_one_to_spare_may_be_unknown_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"10.0.0.11 {key()}\n")
    with pytest.raises(PrerequisiteMissing, match="w-1"):
        await found(tmp_path, "{known_hosts: {file: known_hosts}}")
    made = await found(tmp_path, "{known_hosts: {file: known_hosts}}", tolerate_missing=["w-1"])
    assert list(made.machines) == ["cp"]
    assert made.absent["w-1"].code == "KB0651"
    assert "w-1 (10.0.0.21)" in made.absent["w-1"].message


CONFIG = """\
Host 10.0.0.*
  Port 2201
  IdentityFile ~/.ssh/own
Host metal-1
  HostName 192.0.2.7
  Port 2202
  User ops
Host 198.51.100.7
  Port 2203
  ProxyJump outer
"""


def home(folder: Path) -> str:
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "config").write_text(CONFIG)
    (folder / ".ssh" / "own").touch()
    return str(folder)


async def test_ports_of_the_spec(tmp_path: Path) -> None:
    made = await found(tmp_path, more="    ssh: {port: 2222}\n", host=", port: 2300")
    assert {name: one.ssh.port for name, one in made.machines.items()} == {"cp": 2300, "w-1": 2222}
    assert made.machines["cp"].instance == "10.0.0.11"


async def test_the_openssh_configuration_says_how_machines_are_reached(tmp_path: Path) -> None:
    made = await found(
        tmp_path, "{bastion: {host: 198.51.100.7}}", host=", ssh_host: metal-1", HOME=home(tmp_path)
    )
    one, other = made.machines["cp"].ssh, made.machines["w-1"].ssh
    assert (one.host, one.port, one.user, one.identities) == ("192.0.2.7", 2202, "ops", ())
    assert made.machines["cp"].address == made.machines["cp"].instance == "10.0.0.11"
    assert (other.host, other.port, other.user) == ("10.0.0.21", 2201, "root")
    assert other.identities == (tmp_path / ".ssh" / "own",)
    assert one.jump == other.jump
    assert one.jump is not None
    assert (one.jump.port, one.jump.instance) == (2203, "198.51.100.7")
    assert one.jump.jump is not None
    assert (one.jump.jump.host, one.jump.jump.instance) == ("outer", "outer")


async def test_the_spec_overrides_the_openssh_configuration(tmp_path: Path) -> None:
    more = "    ssh: {port: 2222, user: deploy, private_key: {file: /k}}\n"
    ssh = (await found(tmp_path, more=more, HOME=home(tmp_path))).machines["cp"].ssh
    assert (ssh.port, ssh.user, ssh.identities, ssh.identities_only) == (2222, "deploy", (Path("/k"),), True)


async def test_the_openssh_configuration_can_be_left_out(tmp_path: Path) -> None:
    made = await found(tmp_path, "{openssh_config: false}", HOME=home(tmp_path))
    ssh = made.machines["cp"].ssh
    assert (ssh.port, ssh.identities) == (22, ())


async def test_known_hosts_has_bastions_of_the_configuration_too(tmp_path: Path) -> None:
    folder = home(tmp_path)
    (tmp_path / "known_hosts").write_text(f"[10.0.0.*]:2201,[198.51.100.7]:2203 {key()}\n")
    settings = "{known_hosts: {file: known_hosts}, bastion: {host: 198.51.100.7}}"
    with pytest.raises(PrerequisiteMissing, match=r"no key for outer \(outer\)$"):
        await found(tmp_path, settings, HOME=folder)
