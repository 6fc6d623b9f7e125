"""The parser of console logs, on pieces of real logs (shortened), with keys that were made for the test."""

from __future__ import annotations

import asyncssh
import pytest

from kbootstrap.providers.cloud.console import finished, host_keys


def key(kind: str) -> str:
    return " ".join(asyncssh.generate_private_key(kind).export_public_key().decode().split()[:2])


ED25519, ECDSA, RSA = key("ssh-ed25519"), key("ecdsa-sha2-nistp256"), key("ssh-rsa")
DEBIAN = f"""\
[    0.000000] Linux version 6.1.0-28-cloud-amd64 (debian-kernel@lists.debian.org)
[  OK  ] Started ssh.service - OpenBSD Secure Shell server.
ci-info: ++++++Authorized keys from /home/debian/.ssh/authorized_keys for user debian+++++
ci-info: | ssh-ed25519 | 4f:5d:… |    -    | anna@example |
<14>Nov 22 13:00:01 cloud-init: #############################################################
<14>Nov 22 13:00:01 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Nov 22 13:00:01 cloud-init: 256 SHA256:3vQ2 root@production-control-plane-1 (ED25519)
<14>Nov 22 13:00:01 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
<14>Nov 22 13:00:01 cloud-init: #############################################################
-----BEGIN SSH HOST KEY KEYS-----
{ECDSA} root@production-control-plane-1
{ED25519} root@production-control-plane-1
{RSA} root@production-control-plane-1
-----END SSH HOST KEY KEYS-----
[   41.117304] cloud-init[812]: Cloud-init v. 22.4.2 finished at Sun, 22 Nov 2026 13:00:01 +0000. \
Datasource DataSourceOpenStackLocal [net,ver=2].  Up 41.10 seconds

Debian GNU/Linux 12 production-control-plane-1 ttyS0

production-control-plane-1 login: """
UBUNTU = DEBIAN.replace("\n", "\r\n").replace(f"{ED25519} root", f"{ED25519}  root")
STAMPED = "\n".join(
    f"[   40.{number:06}] cloud-init[900]: {line}" for number, line in enumerate(DEBIAN.splitlines())
)
MIXED = DEBIAN.replace(f"{RSA} root", f"[   40.1] eth0: link becomes ready\n{RSA} root")


@pytest.mark.parametrize("log", [DEBIAN, UBUNTU, STAMPED, MIXED], ids=["debian", "crlf", "stamped", "mixed"])
def test_keys(log: str) -> None:
    assert host_keys(log) == (ECDSA, ED25519, RSA)
    assert finished(log)


def test_the_last_complete_block_counts() -> None:
    again = key("ssh-ed25519")
    second = f"-----BEGIN SSH HOST KEY KEYS-----\n{again} root@x\n-----END SSH HOST KEY KEYS-----\n"
    assert host_keys(DEBIAN + second) == (again,)
    assert host_keys(DEBIAN + second.split("-----END", maxsplit=1)[0]) == (ECDSA, ED25519, RSA)


@pytest.mark.parametrize(
    "inside",
    [
        ED25519[:-20],
        f"{ED25519[:40]}\n{ED25519[40:]}",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        "ssh-ed25519 AAAA",
        "ssh-dss nonsense",
        "",
    ],
    ids=["cut", "two lines", "another type", "short", "nonsense", "empty"],
)
def test_broken_lines_are_no_keys(inside: str) -> None:
    block = f"-----BEGIN SSH HOST KEY KEYS-----\n{inside}\n-----END SSH HOST KEY KEYS-----\n"
    assert host_keys(block) == ()


def test_before_cloud_init_is_through() -> None:
    begun = DEBIAN.split("-----BEGIN SSH HOST KEY KEYS", maxsplit=1)[0]
    assert host_keys(begun) == ()
    assert not finished(begun)
    assert host_keys("") == ()
