"""Login shells of every family, with start files that print: commands and files do not notice."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.core.errors import DeadlinePassed, HostUnreachable
from kbootstrap.hosts import frame
from kbootstrap.hosts.model import Output
from kbootstrap.hosts.output import Bounded
from kbootstrap.hosts.remote import feed, wrap
from tests.hosts.conftest import Around
from tests.hosts.sshd import SHELLS, Sshd, shell_of

USERS = [name for name in SHELLS if name not in ("reader", "nothing", "hungry")]
AWKWARD = """echo 'it'"'"'s "quoted" \\ back\\slash ! !! !$ $HOME ~ * {a,b} % ^x^y^ ü'
cat <<'EOF'
    `lines`	of $(text)
EOF
printf 'no newline at the end'"""
PRINTED = """it's "quoted" \\ back\\slash ! !! !$ $HOME ~ * {a,b} % ^x^y^ ü
    `lines`	of $(text)
no newline at the end"""


def need(user: str) -> None:
    if shell_of(user) is None:
        pytest.skip(f"{SHELLS[user][0]} is not installed")


@pytest.mark.parametrize("user", USERS)
async def test_any_login_shell(isolated: Sshd, around: Around, tmp_path: Path, user: str) -> None:
    need(user)
    host = await around.connector.connect(isolated.machine(user=user), deadline=10)
    output = await host.run(AWKWARD, deadline=10)
    assert output == Output(0, PRINTED, "")
    failed = await host.run("id -un; cat; echo problem >&2; exit 37", deadline=10, stdin=b"in", check=False)
    assert failed == Output(37, "root\nin", "problem\n")
    content = os.urandom(2_000_000)
    await host.put(content, str(tmp_path / "it's a file!"), mode=0o600, deadline=20)
    assert (tmp_path / "it's a file!").read_bytes() == content
    assert (await host.run("kill -9 $$", deadline=5, check=False)).status in {137, 265}
    with pytest.raises(DeadlinePassed) as late:
        await host.run("echo so far; sleep 4361", deadline=3)
    assert late.value.detail == "so far"
    await host.close()


async def test_long_scripts(isolated: Sshd, around: Around) -> None:
    text = "".join(f"echo '{n} !'\n" for n in range(4000))
    for user in ("odd", "tcsh"):
        if shell_of(user) is None:
            continue
        host = await around.connector.connect(isolated.machine(user=user), deadline=10)
        output = await host.run(text, deadline=20)
        assert output.stdout == "".join(f"{n} !\n" for n in range(4000))
        await host.close()


@pytest.mark.parametrize("user", ["nothing", "hungry"])
async def test_a_shell_that_runs_no_commands_is_named(isolated: Sshd, around: Around, user: str) -> None:
    need(user)
    with pytest.raises(HostUnreachable, match="node-1 did not run the first command") as caught:
        await around.connector.connect(isolated.machine(user=user), deadline=10)
    assert caught.value.code == "KB0711"


def script(text: str, **options: str) -> subprocess.CompletedProcess[bytes]:
    """Run a wrapped script here, through a shell that prints."""
    line = (
        f"echo banner; echo noise >&2; {wrap(mark='m', deadline=5, sudo=False)}; {options.get('after', ':')}"
    )
    return subprocess.run(["sh", "-c", line], input=feed(text) + b"rest", capture_output=True, check=False)


def framed(out: bytes, err: bytes = b"", status: int = 0) -> frame.Framed:
    stdout, stderr = Bounded(), Bounded()
    stdout.add(out)
    stderr.add(err)
    return frame.unframe(stdout, stderr, mark="m", status=status)


def test_the_frame_holds_the_output_alone() -> None:
    done = script("cat; echo err >&2; exit 3", after="echo goodbye")
    assert b"banner" in done.stdout
    assert b"goodbye" in done.stdout
    seen = framed(done.stdout, done.stderr, done.returncode)
    assert seen == frame.Framed(Output(3, "rest", "err\n"), started=True, ended=True)


@pytest.mark.parametrize(
    ("said", "status", "wanted"),
    [
        (b"banner\n", 1, frame.Framed(Output(1, "banner\n", "e"), started=False, ended=False)),
        (b"kbootstrap-begin m\nhalf", 124, frame.Framed(Output(124, "half", "e"), started=True, ended=False)),
        (
            b"kbootstrap-begin m\nhalf\nkbootstrap-end m ",
            0,
            frame.Framed(Output(0, "half\nkbootstrap-end m ", "e"), started=True, ended=False),
        ),
        (
            b"kbootstrap-begin m\nkbootstrap-end x 0\nkbootstrap-end m 0\n",
            9,
            frame.Framed(Output(0, "kbootstrap-end x 0\n", "e"), started=True, ended=True),
        ),
    ],
)
def test_what_is_cut_is_noticed(said: bytes, status: int, wanted: frame.Framed) -> None:
    assert framed(said, b"e", status) == wanted


def test_a_script_that_lost_bytes_is_not_run() -> None:
    line = wrap(mark="m", deadline=5, sudo=False)
    for damaged in (feed("echo ran")[:-4] + b"\n", feed("echo ran")[2:], b""):
        done = subprocess.run(["sh", "-c", line], input=damaged, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (66, b"")


def test_the_line_is_one_that_every_shell_reads_alike() -> None:
    line = wrap(mark="m", deadline=1.2, sudo=True)
    assert line.startswith("sudo -n env KBOOTSTRAP_RUN=m timeout -k 5 5 sh -c '")
    assert not set("!\\\n") & set(line)
    assert line.count("'") == 2
    assert len(line) < 1000
