"""The script for audits in real shells, with other programs than a node has; and what it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.observe.audit import Questions, audit_script, parse_audit, read_audit_facts
from kbootstrap.cluster.state.audit_facts import AuditFacts, FileFacts, Listener, PendingUpdates
from kbootstrap.core.errors import InstallFailed
from tests.hosts.fake import FakeHost, output

ASKED = Questions(
    unit="k3s.service",
    source="journal",
    data="/data",
    components=("kube-apiserver", "kubelet"),
    patterns=(),
    texts=(),
    kernel=("kernel.randomize_va_space", "kernel.there_is_no_such_setting"),
    sshd=("port", "permitrootlogin"),
)
SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell.split()[0]), reason="not installed"))
    for shell in ("sh", "dash", "busybox sh", "bash --posix")
]
NEEDED = (
    "awk",
    "base64",
    "cat",
    "cut",
    "date",
    "grep",
    "head",
    "ls",
    "sed",
    "sort",
    "stat",
    "tail",
    "timeout",
)
WORDS = (*NEEDED, "tr", "wc")
PROGRAMS = {
    "systemctl": 'case $1 in show) echo "$3=42" ;; is-active) exit "${DOWN:-0}" ;; esac',
    "journalctl": """\
case "$*" in
    "-q -b -o cat _SYSTEMD_INVOCATION_ID=42 + _SYSTEMD_UNIT=k3s.service _PID=42") cat "$JOURNAL" ;;
esac""",
    "timedatectl": "echo NTPSynchronized=yes",
    "sshd": "printf 'port 22\\nport 2222\\npermitrootlogin no\\nusepam yes\\n'",
}
LINE = 'time="2026-11-29T10:00:00Z" level=info msg="Running {} {}"\n'


class Place:
    """A folder of programs that takes the place of a node's, and a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.journal = folder, folder / "bin", folder / "journal"
        self.bin.mkdir()
        self.program(**{word: f'exec {shutil.which(word)} "$@"' for word in WORDS}, **PROGRAMS)
        self.journal.write_text("")

    def program(self, **texts: str) -> None:
        """Write programs; never through a link, which would write to the machine's own."""
        for name, text in texts.items():
            path = self.bin / name.replace("_", "-")
            path.unlink(missing_ok=True)
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)

    def say(self, asked: Questions = ASKED, shell: str = "sh", **env: str) -> str:
        first, *more = shell.split()
        command = [str(shutil.which(first)), *more, "-c", audit_script(asked)]
        env = {"PATH": str(self.bin), "LC_ALL": "C", "JOURNAL": str(self.journal), **env}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        assert done.stderr == ""
        return done.stdout

    def facts(self, asked: Questions = ASKED, shell: str = "sh", **env: str) -> AuditFacts:
        return parse_audit("n1", self.say(asked, shell, **env), asked)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_arguments_in_the_journal(place: Place, shell: str) -> None:
    policy = place.folder / "audit.yaml"
    policy.write_text("kind: Policy\n")
    given = f"--anonymous-auth=false --audit-policy-file={policy} --v 4 --profiling"
    place.journal.write_text(
        "Starting Kubernetes server (k3s)...\n"
        + LINE.format("kube-apiserver", given)
        + LINE.format("kubelet", '--node-labels= --x=\\"a b\\" --config=/none')
        + LINE.format("kubelet", "--x=later")
    )
    found = place.facts(shell=shell)
    assert found.arguments["kube-apiserver"] == {
        "anonymous-auth": ("false",),
        "audit-policy-file": (str(policy),),
        "v": ("4",),
        "profiling": ("true",),
    }
    assert found.arguments["kubelet"] == {"node-labels": ("",), "x": ('"a b"',), "config": ("/none",)}
    assert found.texts == {str(policy): "kind: Policy\n"}
    assert found.synchronized is True
    assert found.sshd == {"port": ("22", "2222"), "permitrootlogin": ("no",)}
    assert [*found.kernel] == ["kernel.randomize_va_space"]
    assert found.swap is not None
    assert found.unread == {"updates": "there is no apt-get, dnf or zypper"}


@pytest.mark.parametrize(
    ("env", "reason"),
    [({}, "the journal no longer has its start"), ({"DOWN": "3"}, "k3s.service does not run")],
)
def test_arguments_that_are_not_in_the_journal(place: Place, env: Mapping[str, str], reason: str) -> None:
    place.journal.write_text("something else\n")
    found = place.facts(ASKED, **env)
    assert found.arguments == {}
    assert {name: found.unread[name] for name in ASKED.components} == dict.fromkeys(ASKED.components, reason)


@contextmanager
def running(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """Run a process that has this name and these arguments."""
    program = folder / name
    program.symlink_to(sys.executable)
    with subprocess.Popen([program, "-c", "import signal; signal.pause()", *arguments]) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("shell", SHELLS)
def test_arguments_of_processes(place: Place, shell: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A process with files of the folder counts, one of a pod with the same name does not."""
    data, elsewhere = (tmp_path_factory.mktemp(name) for name in ("data", "elsewhere"))
    names = ("kube-controller-manager", "kubelet", "kube-proxy")
    asked = replace(ASKED, source="processes", data=str(data), components=names)
    with (
        running(elsewhere, "kube-controller-manager", "--profiling=false", f"--root-ca-file={data}/a 1.crt"),
        running(elsewhere, "kubelet", "--kubeconfig=/elsewhere/kubelet"),
    ):
        found = place.facts(asked, shell)
    assert found.arguments == {
        "kube-controller-manager": {"profiling": ("false",), "root-ca-file": (f"{data}/a 1.crt",)}
    }
    assert found.unread["kubelet"] == found.unread["kube-proxy"] == "there is no such process"


@pytest.mark.parametrize("shell", SHELLS)
def test_files(place: Place, shell: str) -> None:
    keys, texts = place.folder / "keys", place.folder / "texts"
    keys.mkdir()
    texts.mkdir()
    for name, mode in (("a.key", 0o600), ("b c.key", 0o644)):
        (keys / name).write_text("secret")
        (keys / name).chmod(mode)
    (texts / "1.conf").write_text("a: 1\n")
    (texts / "2.conf").write_text("")
    (texts / "3.conf").write_bytes(b"\xff")
    (texts / "4.conf").write_text("x" * 70000)
    patterns = (f"{keys}/none", f"{keys}/*.key")
    asked = replace(ASKED, patterns=patterns, texts=(f"{texts}/*.conf", f"{texts}/none"))
    said = place.say(asked, shell)
    assert "secret" not in said
    found = parse_audit("n1", said, asked)
    owner = found.files[patterns[1]][0].owner
    assert found.files == {
        patterns[0]: (),
        patterns[1]: (FileFacts(f"{keys}/a.key", 0o600, owner), FileFacts(f"{keys}/b c.key", 0o644, owner)),
    }
    assert owner.count(":") == 1
    assert found.texts == {f"{texts}/1.conf": "a: 1\n", f"{texts}/2.conf": ""}
    assert found.unread[f"{texts}/3.conf"] == "it is not text"
    assert found.unread[f"{texts}/4.conf"] == "it is too long"


@pytest.mark.parametrize(
    ("content", "providers"),
    [
        (
            '{"providers":[{"aescbc":{"keys":[{"secret":"c2VjcmV0"}]}},{"identity":{}}]}',
            ("aescbc", "identity"),
        ),
        ("providers:\n  - identity: {}\n  - secretbox:\n      keys: []\n", ("identity", "secretbox")),
    ],
)
def test_keys_are_never_printed(place: Place, content: str, providers: tuple[str, ...]) -> None:
    path = place.folder / "encryption.json"
    path.write_text(content)
    place.journal.write_text(LINE.format("kube-apiserver", f"--encryption-provider-config={path}"))
    said = place.say()
    assert "c2VjcmV0" not in said
    assert parse_audit("n1", said, ASKED).providers == providers
    path.unlink()
    assert place.facts().unread["encryption"] == f"{path} cannot be read"


@pytest.mark.parametrize(
    ("programs", "synchronized"),
    [
        ({"timedatectl": "echo NTPSynchronized=no"}, False),
        ({"timedatectl": "exit 1", "chronyc": "echo 'Leap status     : Normal'"}, True),
        ({"timedatectl": "exit 1", "chronyc": "echo 'Leap status     : Not synchronised'"}, False),
        ({"timedatectl": "exit 1", "chronyc": "echo '506 Cannot talk to daemon'"}, None),
    ],
)
def test_clock(place: Place, programs: Mapping[str, str], synchronized: bool | None) -> None:
    if synchronized is None and Path("/run/systemd/timesync/synchronized").exists():
        pytest.skip("this machine has an answer of its own")
    place.program(**programs)
    found = place.facts()
    assert found.synchronized is synchronized
    assert ("clock" in found.unread) == (synchronized is None)


def test_sshd_that_refuses_its_settings(place: Place) -> None:
    place.program(sshd="echo warning >&2; echo 'sshd: no hostkeys available' >&2; exit 1")
    assert place.facts().unread["sshd"] == "sshd -T: sshd: no hostkeys available"
    (place.bin / "sshd").unlink()
    assert place.facts().unread["sshd"] == "there is no program sshd"


APT = """\
echo 'Inst libc6 [2.36-9] (2.36-9+deb12u1 Debian-Security:12/stable-security [amd64])'
echo 'Inst tzdata [1] (2 Debian:12.8/stable [amd64])'
echo 'Inst openssl [3.0.2-0ubuntu1] (3.0.2-0ubuntu1.18 Ubuntu:22.04/jammy-security [amd64])'
echo 'Conf libc6 (2.36-9+deb12u1 Debian-Security:12/stable-security [amd64])'
"""
DNF = """\
echo 'RHSA-2026:1234 Important/Sec. openssl-libs-1:3.2.2-6.el9_5.1.x86_64'
echo 'FEDORA-2026-0a1b2c Moderate/Sec. vim-minimal-9.1.0-1.fc42.x86_64'
echo 'RHSA-2026:1235 Important/Sec. openssl-libs-1:3.2.2-6.el9_5.1.x86_64'
"""
ZYPPER = """\
echo 'Repository | Name | Category | Severity | Interactive | Status | Since | Summary'
echo '-----------+------+----------+----------+-------------+--------+-------+--------'
echo 'Updates | openSUSE-2026-1 | security | important | --- | needed | - | Security update for curl'
echo 'Updates | openSUSE-2026-2 | security | low | --- | applied | - | Security update for vim'
"""
CACHES = {"apt_get": "lists", "dnf": "cache/dnf", "zypper": "zypp"}
OLD = 1_000_000_000


@pytest.mark.parametrize(
    ("manager", "says", "names"),
    [
        ("apt_get", APT, ("libc6", "openssl")),
        ("dnf", DNF, ("openssl-libs-1:3.2.2-6.el9_5.1.x86_64", "vim-minimal-9.1.0-1.fc42.x86_64")),
        ("zypper", ZYPPER, ("openSUSE-2026-1",)),
    ],
)
def test_updates(place: Place, manager: str, says: str, names: tuple[str, ...]) -> None:
    """What package managers print (their manuals); the age of their lists is that of a folder here."""
    place.program(**{manager: says, "ls": "exit 0", "stat": f"echo {OLD}", "date": f"echo {OLD + 60}"})
    found = place.facts()
    assert found.updates == PendingUpdates(60, names)
    place.program(**{manager: "exit 100"})
    assert re.search("cannot (plan|list)", place.facts().unread["updates"])
    place.program(**{manager: "exit 0", "stat": "exit 1"})
    assert place.facts().unread["updates"] == "the age of the package lists is not known"


def test_apt_without_lists(place: Place) -> None:
    place.program(apt_get=APT, ls="exit 2")
    assert place.facts().unread["updates"] == "apt has no package lists"


@pytest.mark.parametrize("shell", SHELLS)
def test_listening_programs(place: Place, shell: str) -> None:
    code = (
        "import socket; s = socket.create_server(('0.0.0.0', 0)); t = socket.create_server(('127.0.0.1', 0));"
    )
    code += "u = socket.socket(type=socket.SOCK_DGRAM); u.bind(('0.0.0.0', 0));"
    code += "print(*(one.getsockname()[1] for one in (s, t, u)), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        public, private, datagrams = map(int, process.stdout.readline().split())
        found = place.facts(shell=shell).listeners
        process.communicate("\n")
    name = os.path.basename(os.path.realpath(sys.executable))[:15]  # noqa: PTH119
    assert found is not None
    own = {one for one in found if one.port in (public, private, datagrams)}
    assert {(one.protocol, one.port) for one in own} == {("TCP", public), ("UDP", datagrams)}
    assert {one.program for one in own} <= {name, "python", "python3"}


BEGIN, END = "begin kbootstrap-audit-1", "end kbootstrap-audit-1"


def parsed(*lines: str, asked: Questions = ASKED) -> AuditFacts:
    return parse_audit("n1", "\n".join(["Welcome!", BEGIN, *lines, END, "bye"]), asked)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp 0100007F", True),
        ("udp 3500007F", True),
        ("tcp 00000000", False),
        ("tcp 0A00000A", False),
        ("tcp6 00000000000000000000000000000000", False),
        ("tcp6 00000000000000000000000001000000", True),
        ("tcp6 0000000000000000FFFF00000100007F", True),
        ("tcp6 0000000000000000FFFF00000A00000A", False),
    ],
)
def test_addresses_of_this_machine_only(address: str, local: bool) -> None:
    kind = address.split(maxsplit=1)[0].rstrip("6").upper()
    found = parsed(f"listen {address} 192B kube apiserver")
    assert found.listeners == (() if local else (Listener(kind, 6443, "kube apiserver"),))


def test_a_file_that_could_not_be_looked_at() -> None:
    found = parsed("refused 0 /a/b", asked=replace(ASKED, patterns=("/a/*",)))
    assert found.unread == {"/a/*": "/a/b cannot be read"}
    assert found.files == {}


@pytest.mark.parametrize(
    "line",
    [
        "file 0 rw- root:root /a",
        "file 0 600 root:root",
        "file x 600 root:root /a",
        "listen tcp 0 port",
        "updates new",
    ],
)
def test_nonsense(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(line)


@pytest.mark.parametrize("said", ["", BEGIN, f"{BEGIN}\nswap ", f"begin kbootstrap-audit-2\n{END}"])
def test_answers_that_are_cut(said: str) -> None:
    with pytest.raises(ValueError, match="missing or cut"):
        parse_audit("n1", said, ASKED)


KINDS = (
    *(
        "component",
        "argument",
        "file",
        "refused",
        "text",
        "kernel",
        "client-ports",
        "sshd",
        "swap",
        "updates",
    ),
    *("update", "listen", "providers", "synchronized", "unread"),
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.text("a1 /=-\n", max_size=12)).map(" ".join)))
def test_whatever_is_said_is_facts_or_an_error(lines: list[str]) -> None:
    try:
        parsed(*lines)
    except ValueError:
        return


async def test_one_command_on_a_host() -> None:
    host = FakeHost("n1", lambda _: output(f"{BEGIN}\nsynchronized yes\n{END}\n"))
    assert (await read_audit_facts(host, ASKED)).synchronized is True
    assert len(host.calls) == 1


async def test_a_host_that_talks_nonsense() -> None:
    with pytest.raises(InstallFailed, match="n1 does not answer as expected") as caught:
        await read_audit_facts(FakeHost("n1", lambda _: output("hello")), ASKED)
    assert caught.value.code == "KB0801"
