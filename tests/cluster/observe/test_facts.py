from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.observe.facts import gather, parse, script
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.state.node_facts import INITIAL, NodeFacts, VolumeFacts
from kbootstrap.core.errors import InstallFailed, KbootstrapError
from kbootstrap.distros import find, names
from tests.hosts.fake import FakeHost, Run, output

K3S = find("k3s")
RECORDED = (Path(__file__).parent / "data" / "facts-server.txt").read_text("utf-8")
NOW = 1795353823.0


def test_a_recorded_server() -> None:
    facts = parse("clroom-control-plane-1", RECORDED, K3S, now=NOW)
    assert (facts.arch, facts.os, facts.systemd, facts.cgroup_memory) == (
        "amd64",
        "Debian GNU/Linux 12 (bookworm)",
        True,
        True,
    )
    assert facts.clock_skew == 0
    assert facts.unit("k3s.service").active == "active"
    assert facts.unit("k3s.service").enabled
    assert not facts.unit("k3s-agent.service").present
    assert not facts.unit("nonsense.service").started
    assert facts.claimed == "clroom"
    assert facts.join == INITIAL
    assert facts.etcd
    assert facts.registered
    assert facts.token == "short"
    assert facts.agent_token
    assert facts.cluster_id is not None
    assert len(facts.cluster_id) == 64
    assert facts.texts[K3S.paths.config].startswith("# Written by kbootstrap ")
    assert facts.artifacts[K3S.paths.binary].version == "v1.32.0+k3s1"
    assert facts.artifacts[K3S.paths.binary].intact
    assert len(facts.files) == 4


def test_noise_around_the_facts_is_ignored() -> None:
    noisy = f"Welcome!\nlast login: never\n{RECORDED}\nbye\n"
    assert parse("x", noisy, K3S, now=NOW) == parse("x", RECORDED, K3S, now=NOW)


def test_the_clock() -> None:
    assert parse("x", RECORDED, K3S, now=NOW + 90).clock_skew == -90


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("end kbootstrap-facts-1", ""),
        ("begin kbootstrap-facts-1", "begin kbootstrap-facts-9"),
        ("memory 24105", "memory lots"),
        ("epoch ", "epoch x"),
        ("disk-data 62419", "disk-data "),
        (" yes /usr/local/bin/k3s", ""),
        ("text ", "text !"),
    ],
)
def test_garbage(old: str, new: str) -> None:
    assert old in RECORDED
    with pytest.raises(ValueError, match=r"."):
        parse("x", RECORDED.replace(old, new), K3S, now=NOW)


@given(st.lists(st.sampled_from(RECORDED.splitlines()) | st.text(max_size=40)))
def test_whatever_is_said_is_facts_or_an_error(lines: list[str]) -> None:
    said = "\n".join(["begin kbootstrap-facts-1", *lines, "end kbootstrap-facts-1"])
    try:
        parse("x", said, K3S, now=NOW)
    except ValueError:
        return


VOLUME = "link=/dev/disk/by-id/virtio-0 bytes=2048 kind=ext4 size=1024 mounted=yes filled=no elsewhere=/mnt"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            VOLUME,
            VolumeFacts(
                "/dev/disk/by-id/virtio-0", 2048, "ext4", 1024, "yes", filled=False, elsewhere="/mnt"
            ),
        ),
        ("link= bytes= kind= size= mounted=other filled=yes", VolumeFacts(mounted="other", filled=True)),
        ("", VolumeFacts()),
    ],
)
def test_volumes(said: str, found: VolumeFacts) -> None:
    text = RECORDED.replace("epoch ", f"volume data {said}\nepoch ", 1)
    assert parse("x", text, K3S, now=NOW).volumes == {"data": found}
    with pytest.raises(ValueError, match="is no number"):
        parse("x", RECORDED.replace("epoch ", "volume data size=many\nepoch ", 1), K3S, now=NOW)


async def test_each_host_is_asked_for_its_own_volumes() -> None:
    hosts = {name: FakeHost(name, lambda _: output(RECORDED)) for name in ("a", "b")}
    await gather(hosts, K3S, volumes={"a": [DesiredVolume("data", "id-1", "/srv/data", 1)]})
    asked = {
        name: call.command for name, host in hosts.items() for call in host.calls if isinstance(call, Run)
    }
    assert "volumes='data id-1 /srv/data'" in asked["a"]
    assert "volumes=''" in asked["b"]


@pytest.mark.parametrize("name", names())
def test_the_script_runs_here(name: str) -> None:
    """The script needs nothing but a shell: this machine answers too, and nothing is said to stderr."""
    done = subprocess.run(["sh", "-c", script(find(name))], capture_output=True, text=True, check=True)
    facts = parse("here", done.stdout, find(name), now=NOW)
    assert facts.memory > 0
    assert facts.disk_data > 0
    assert facts.claimed is None
    assert done.stderr == ""


async def test_gather() -> None:
    hosts = {name: FakeHost(name, lambda _: output(RECORDED)) for name in ("a", "b")}
    found = await gather(hosts, K3S)
    assert list(found) == ["a", "b"]
    assert found["b"].name == "b"
    assert all(len(host.calls) == 1 for host in hosts.values())


async def test_gather_names_the_host_that_talks_nonsense() -> None:
    hosts = {"a": FakeHost("a", lambda _: output(RECORDED)), "b": FakeHost("b", lambda _: output("hello"))}
    with pytest.raises(InstallFailed, match="b does not answer as expected") as caught:
        await gather(hosts, K3S)
    assert caught.value.code == "KB0801"
    assert caught.value.host == "b"


async def test_gather_for_a_look_reports_malformed_facts_beside_the_others() -> None:
    good, bad = FakeHost("good", lambda _: output(RECORDED)), FakeHost("bad", lambda _: output("?"))
    failures: dict[str, KbootstrapError] = {}
    found = await gather({"bad": bad, "good": good}, K3S, failures)
    assert set(found) == {"good"}
    assert failures["bad"].code == "KB0801"


def test_what_a_machine_lacks() -> None:
    said = (
        "programs iptables conntrack \ncgroups cpu memory\nlacks-module vxlan\nlistening 0016 192B \n"
        "mount /var/lib/rancher noexec ro\nmount /usr/local/bin\nend kbootstrap-facts-1"
    )
    found = parse("x", RECORDED.replace("end kbootstrap-facts-1", said), K3S, now=NOW)
    assert found.programs == frozenset({"iptables", "conntrack"})
    assert found.cgroups == frozenset({"cpu", "memory"})
    assert found.lacking_modules == {"vxlan"}
    assert found.listening == {22, 6443}
    assert found.mounts == {"/var/lib/rancher": {"noexec", "ro"}, "/usr/local/bin": set()}


def test_a_machine_that_does_not_say_so_lacks_nothing() -> None:
    found = parse("x", RECORDED, K3S, now=NOW)
    assert found.programs is found.cgroups is None
    assert not found.lacking_modules
    assert not found.mounts


def on_this_machine(*changes: tuple[str, object]) -> NodeFacts:
    """Run the script here, with other places and lists of what is needed."""
    return run_here(changed(script(K3S), *changes))


def changed(text: str, *changes: tuple[str, object]) -> str:
    """Return the script with other values of variables."""
    for name, value in changes:
        assignment = f"{name}={shlex.quote(str(value))}"
        text = re.sub(rf"^{name}=.*$", assignment, text, count=1, flags=re.MULTILINE)
    return text


def run_here(text: str, *folders: Path) -> NodeFacts:
    """Run a script here; programs in `folders` come before those of this machine."""
    env = os.environ | {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]])}
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True, timeout=60, env=env)
    return parse("x", done.stdout, K3S, now=NOW)


def test_files_that_the_stamp_names(tmp_path: Path) -> None:
    header = "# Written by kbootstrap from the spec.\n"
    files = {
        "ours": f"{header}a: b\nc: ü\n",
        "without-newline": f"{header}a: b",
        "large": header + "x" * 100_000,
        "foreign": f"a: b\n{header}",
        "empty": "",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    lines = [f"file {tmp_path / name}\n" for name in (*files, "missing")]
    (tmp_path / "stamp").write_text("".join(["cluster c\n", *lines]))
    found = on_this_machine(("stamp", tmp_path / "stamp"))
    assert found.claimed == "c"
    assert found.files == {
        str(tmp_path / name): hashlib.sha256(content.encode()).hexdigest() for name, content in files.items()
    }
    assert found.texts == {
        str(tmp_path / name): files[name][:65536] for name in ("ours", "without-newline", "large")
    }


@pytest.mark.parametrize(
    ("text", "form", "authority"),
    [
        (f"K10{'ab' * 32}::server:secret", "full", "ab" * 32),
        (f"K10{'ab' * 32}::node:secret\n", "full", "ab" * 32),
        (f"K10{'AB' * 32}::server:secret\n", "short", None),
        (f"K10{'ab' * 31}::server:secret\n", "short", None),
        ("secret\n", "short", None),
        ("", "none", None),
    ],
)
def test_tokens(tmp_path: Path, text: str, form: str, authority: str | None) -> None:
    (tmp_path / "token").write_text(text)
    (tmp_path / "agent").write_text("other\n")
    found = on_this_machine(("token", tmp_path / "token"), ("agent_token", tmp_path / "agent"))
    assert (found.token, found.token_ca) == (form, authority)
    mark = hashlib.sha256(b"secret").hexdigest()[:12] if text.strip().endswith("secret") else ""
    assert found.tokens.own == (mark if text else "")
    assert found.tokens.agents == hashlib.sha256(b"other").hexdigest()[:12]
    assert found.cluster_id is None
    found = on_this_machine(("server_token", tmp_path / "token"))
    assert (found.cluster_id, found.tokens.accepted) == (authority, mark)


def test_the_first_certificate_of_each_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    chains = {
        "server/tls/a.crt": ("a", "ca"),
        "server/tls/etcd/b.crt": ("b",),
        "agent/c.crt": ("c", "a", "b"),
    }
    made = {name: certificate(day) for day, name in enumerate(("a", "b", "c", "ca"), 1)}
    for path, chain in chains.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text("".join(f"subject={name}\n{made[name]}" for name in chain))
    (data / "server/tls/broken.crt").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n")
    (data / "server/tls/empty.crt").touch()
    found = {one.name: one.not_after.day for one in on_this_machine(("data", data)).certificates}
    assert found == {"server/tls/a.crt": 1, "server/tls/etcd/b.crt": 2, "agent/c.crt": 3}


def certificate(day: int) -> str:
    """Return a certificate that ends on that day of January 2030, in PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(day).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2030, 1, day, tzinfo=UTC))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_nodes_that_do_not_answer_through_the_overlay(tmp_path: Path) -> None:
    """A refusal is an answer; a node that says nothing is asked twice, and holds up no other one."""
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\n")
    systemctl.chmod(0o755)
    gateways = [("link", "4D00007F"), ("link", "4E00007F"), ("link", "4E00007F")]
    gateways += [("link", "00000000"), ("eth0", "4F00007F")]
    route = "".join(f"{interface}\t00012A0A\t{address}\n" for interface, address in gateways)
    (tmp_path / "route").write_text(route)
    with socket.socket() as busy, socket.socket() as first, socket.socket() as second:
        busy.bind(("127.0.0.77", 0))
        busy.listen(0)
        for client in (first, second):  # the queue is full: who comes next gets no answer
            client.setblocking(False)
            client.connect_ex(busy.getsockname())
        text = script(K3S, overlay=True).replace("/10250", f"/{busy.getsockname()[1]}")
        text = changed(text, ("overlay", "link"), ("patience_overlay", 1))
        found = run_here(text.replace("/proc/net/route", str(tmp_path / "route")), systemctl.parent)
    assert found.overlay == {"127.0.0.77": False, "127.0.0.78": True}


@pytest.mark.parametrize("store", [True, False])
def test_images_without_a_file_are_in_the_store(tmp_path: Path, store: bool) -> None:
    data, stamp = tmp_path / "data", tmp_path / "stamp"
    if store:
        (data / "agent" / "containerd").mkdir(parents=True)
    program = tmp_path / "k3s"
    (tmp_path / "shared").write_text("12345")
    program.symlink_to(tmp_path / "shared")
    images = tmp_path / "images.tar"
    stamp.write_text(f"artifact {'a' * 64} 5 v1 {program}\nartifact {'b' * 64} unpacked v1 {images}\n")
    facts = on_this_machine(("data", data), ("stamp", stamp))
    assert {path: there.intact for path, there in facts.artifacts.items()} == {
        str(program): True,
        str(images): store,
    }


def test_programs_on_this_machine() -> None:
    found = on_this_machine(("programs", "sh no-such-program"), ("volumes", ""))
    assert found.programs == frozenset({"sh"})


def test_mounts_on_this_machine() -> None:
    found = on_this_machine(("folders", "/proc/sys/kernel /no/such/folder"))
    assert set(found.mounts) == {"/proc/sys/kernel", "/no/such/folder"}
    desired = "noexec" in subprocess.run(
        ["findmnt", "-n", "-o", "OPTIONS", "-T", "/proc/sys/kernel"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split(",")
    assert ("noexec" in found.mounts["/proc/sys/kernel"]) == desired


def test_interfaces_and_answers_through_the_overlay() -> None:
    more = "default-interface eth1\naddress eth0 10.0.0.11\naddress eth0 fd00::11\naddress eth1 192.0.2.11\n"
    more += "overlay 10.42.1.0 yes\noverlay 10.42.2.0 no\n"
    said = RECORDED.replace("end kbootstrap-facts-1", f"{more}end kbootstrap-facts-1")
    facts = parse("x", said, K3S, now=NOW)
    assert facts.default_interface == "eth1"
    assert facts.addresses == {"eth0": ("10.0.0.11", "fd00::11"), "eth1": ("192.0.2.11",)}
    assert facts.overlay == {"10.42.1.0": True, "10.42.2.0": False}


def test_only_status_and_doctor_ask_through_the_overlay() -> None:
    assert "\noverlay=''\n" in script(K3S)
    for name in names():
        distro = find(name)
        assert f"\noverlay={distro.network.overlay}\n" in script(distro, overlay=True)
        assert distro.network.overlay in distro.network.links
