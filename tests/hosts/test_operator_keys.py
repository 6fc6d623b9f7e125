"""Files of known hosts: what is read from them is what OpenSSH reads."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from kbootstrap.core.errors import HostKeyChanged
from kbootstrap.hosts.operator_keys import look_up, matches, parse
from kbootstrap.inventory.model import Machine
from tests.hosts.conftest import Around, StartSshd
from tests.hosts.sshd import Sshd, make_key

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIwUm2i1y4wuLB8Gn6RIvKeRt1LjYl9zOMZ8s3MpQzOx"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoVjvYJKf2eNgSlvlHZqyDUhy+6SbUWrXgHu2ZYYsXT"
NAMES = ["a", "A", "a.example.org", "b.example.org", "10.0.0.1", "[a]:2222", "[a.example.org]:22"]


@pytest.mark.parametrize(
    "hosts",
    [
        "a",
        "A",
        "a,b",
        "*",
        "?",
        "*.example.org",
        "*.example.org,!b.*",
        "!a,*",
        "[a]:2222",
        "[*]:2222",
        "[a*]:*",
        "10.0.0.*",
        "10.0.0.0/8",
        "a|b",
        ".*",
        "[ab].example.org",
        "!a",
    ],
)
@pytest.mark.parametrize("hashed", [False, True])
def test_names_match_as_in_openssh(tmp_path: Path, hosts: str, hashed: bool) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"{hosts} {ONE} comment\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(file)], capture_output=True, check=True)
    lines = parse(file.read_text())
    for name in NAMES:
        if hashed and name == "A":  # ssh lowers the name before it hashes it, ssh-keygen does not
            continue
        said = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, check=False)
        assert any(matches(line.hosts, name) for line in lines) == (said.returncode == 0), name


def test_markers_ports_and_what_hides_what() -> None:
    lines = parse(f"@cert-authority * {TWO}\n\n# comment\na {ONE}\n[b]:2222 {ONE}\nb {TWO}\n")
    assert look_up(lines, "a").keys == look_up(lines, "a", 2222).keys == (ONE,)
    assert look_up(lines, "a").authorities == (TWO,)
    assert look_up(lines, "b", 2222).keys == (ONE,)
    assert look_up(lines, "b").keys == (TWO,)
    revoked = parse(f"* {ONE}\na {TWO}\n@revoked a {ONE}\n")
    assert (look_up(revoked, "a").keys, look_up(revoked, "a").revoked) == ((TWO,), (ONE,))
    assert look_up(revoked, "b").keys == (ONE,)


@pytest.mark.parametrize("text", ["a\n", "a ssh-ed25519\n", f"@other a {ONE}\n", "@revoked a ssh-ed25519\n"])
def test_lines_of_another_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line 1 "):
        parse(text)


def test_keys_that_cannot_be_read_are_passed_over() -> None:
    assert [line.key for line in parse(f"a ssh-ed25519 !!!\na {ONE}\n")] == [ONE]


class Signed:
    """A server whose host key an authority has signed."""

    def __init__(self, folder: Path, start: StartSshd, principals: str, validity: str) -> None:
        folder.mkdir()
        self.authority = make_key(folder / "authority")
        self.other = make_key(folder / "other")
        make_key(folder / "host_key")
        sign = ["ssh-keygen", "-q", "-s", str(folder / "authority"), "-I", "host", "-h", "-n", principals]
        subprocess.run([*sign, "-V", validity, str(folder / "host_key.pub")], check=True)
        self.server: Sshd = start(folder.name, extra=f"HostCertificate {folder}/host_key-cert.pub")


CASES: dict[str, tuple[str, str, str, bool]] = {
    "its certificate": ("@cert-authority * {authority}", "127.0.0.1", "-1d:+1d", True),
    "beside a plain line": ("@cert-authority * {authority}\n{place} {own}", "127.0.0.1", "-1d:+1d", True),
    "beside a wrong plain line": (
        "{place} {other}\n@cert-authority * {authority}",
        "127.0.0.1",
        "-1d:+1d",
        True,
    ),
    "another authority": ("@cert-authority * {other}", "127.0.0.1", "-1d:+1d", False),
    "another authority, own line": (
        "@cert-authority * {other}\n127.0.0.1 {own}",
        "127.0.0.1",
        "-1d:+1d",
        True,
    ),
    "an authority for others": ("@cert-authority *.org {authority}", "127.0.0.1", "-1d:+1d", False),
    "a certificate for others": ("@cert-authority * {authority}", "db.example.org", "-1d:+1d", False),
    "that, own line": ("@cert-authority * {authority}\n{place} {own}", "db.example.org", "-1d:+1d", True),
    "expired": ("@cert-authority * {authority}", "127.0.0.1", "-2d:-1d", False),
    "a revoked authority": (
        "@cert-authority * {authority}\n@revoked * {authority}",
        "127.0.0.1",
        "-1d:+1d",
        False,
    ),
    "a revoked key": ("@cert-authority * {authority}\n@revoked * {own}", "127.0.0.1", "-1d:+1d", False),
    "a revoked key, plain": ("{place} {own}\n@revoked {place} {own}", "127.0.0.1", "-1d:+1d", False),
}


@pytest.mark.parametrize("case", CASES)
async def test_certificates_count_as_in_openssh(
    start_sshd: StartSshd, around: Around, tmp_path: Path, case: str
) -> None:
    text, principals, validity, accepted = CASES[case]
    signed = await asyncio.to_thread(Signed, tmp_path / "own", start_sshd, principals, validity)
    server = signed.server
    place = f"[127.0.0.1]:{server.port}"
    text = text.format(authority=signed.authority, other=signed.other, own=server.host_key, place=place)
    assert await asyncio.to_thread(_judge, server, tmp_path / "judge", text) == accepted
    known = look_up(parse(text), "127.0.0.1", server.port)
    target = server.target(
        "node-1", host_keys=known.keys, authorities=known.authorities, revoked=known.revoked, instance="i"
    )
    machine = Machine("node-1", "127.0.0.1", target, "i", known.keys)
    if not accepted and not known.keys and not known.authorities:
        return  # the spec's file does not know it: KB0651
    if accepted:
        host = await around.connector.connect(machine, deadline=10)
        assert (await host.run("echo in", deadline=5)).stdout == "in\n"
        await host.close()
        pin = around.pins.pin("node-1")
        assert pin is not None
        assert server.host_key in pin.keys
        return
    with pytest.raises(HostKeyChanged) as caught:
        await (await around.connector.connect(machine, deadline=10)).close()
    assert caught.value.code == "KB0702"
    assert around.pins.pin("node-1") is None


async def test_a_host_with_certificates_may_change_its_key(
    start_sshd: StartSshd, around: Around, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        signed = await asyncio.to_thread(Signed, tmp_path / name, start_sshd, "127.0.0.1", "-1d:+1d")
        target = signed.server.target("node-1", authorities=(signed.authority,))
        await (await around.connector.connect(Machine("node-1", "a", target, "i"), deadline=10)).close()
    pin = around.pins.pin("node-1")
    assert pin is not None
    assert pin.keys == (signed.server.host_key,)


def _judge(server: Sshd, file: Path, text: str) -> bool:
    file.write_text(text + "\n")
    argv = ["ssh", "-F", "none", "-p", str(server.port), "-i", str(server.folder / "user_key")]
    argv += ["-o", f"UserKnownHostsFile={file}", "-o", "GlobalKnownHostsFile=none", "-o", "BatchMode=yes"]
    argv += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "root@127.0.0.1", "true"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
