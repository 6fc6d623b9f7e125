"""The script that activates tokens, run here against a program that plays the service of k3s."""

from __future__ import annotations

import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

NEW, AGENTS, OLD = "5e" * 32, "a9" * 32, 'o"l\\d'
SERVICE = r"""#!/bin/sh
# Knows one password, as k3s does until it is started again; takes a token into its data, `refuse` times not.
config=$3
said=$(cat)
echo "$*" >> "$0.called"
grep -qF "\"password\": \"$(sed 's/[\\"]/\\&/g' "$0.knows")\"" "$config" ||
    { echo "error: You must be logged in to the server (not authorized)" >&2; exit 1; }
token=$(printf %s "$said" | sed 's/{"newToken": "\(.*\)"}/\1/')
printf %s "$token" > "$0.token"
if [ -s "$0.refuse" ]; then rm "$0.refuse"; echo "etcd has no leader" >&2; exit 1; fi
printf %s "$token" > "$0.data"
"""


class Server:
    """A server's files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.binary = folder, folder / "k3s"
        self.binary.write_text(SERVICE)
        self.binary.chmod(0o755)
        (folder / "cred").mkdir()
        self.passwords = folder / "cred" / "passwd"
        self.passwords.write_text(f"old-agents,node,node,k3s:agent\n{OLD},server,server,k3s:server\n")
        full = f"K10{'c' * 64}::server:{OLD}"
        (folder / "k3s.knows").write_text(OLD)
        (folder / "k3s.token").write_text(full + "\n")
        (folder / "own").write_text(OLD)
        (folder / "next").write_text(
            f"old-server {full}\nold-agent old-agents\nserver {NEW}\nagent {AGENTS}\n"
        )

    def run(self) -> subprocess.CompletedProcess[str]:
        values = {
            "name": "k3s",
            "port": "6443",
            "data": str(self.folder),
            "token": str(self.folder / "own"),
            "server_token": f"{self.binary}.token",
            "kubectl": f"{self.binary} kubectl",
            "next": str(self.folder / "next"),
        }
        head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        text = head + files("kbootstrap.cluster.converge").joinpath("activate.sh").read_text("utf-8")
        text = text.replace("/run/kbootstrap-tokens", str(self.folder / "work"))
        return subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)

    @property
    def data(self) -> str:
        """The token that servers start with now."""
        place = self.folder / "k3s.data"
        return place.read_text() if place.exists() else ""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_both_tokens_are_activated_and_the_password_file_keeps_its_time(server: Server) -> None:
    before = server.passwords.stat().st_mtime_ns
    done = server.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert server.data == NEW
    assert f"{AGENTS},node,node,k3s:agent\n" in server.passwords.read_text()
    assert "old-agents" not in server.passwords.read_text()
    assert server.passwords.stat().st_mtime_ns == before
    assert server.passwords.stat().st_mode & 0o777 == 0o600
    assert not [*server.folder.glob("work*")], "secrets are left in a temporary folder"
    called = (server.folder / "k3s.called").read_text()
    assert NEW not in called
    assert OLD not in called


@pytest.mark.parametrize("restarted", [False, True], ids=["not restarted", "restarted"])
@pytest.mark.parametrize("written", [False, True], ids=["file not written", "file written"])
def test_it_may_be_done_again_at_any_moment(server: Server, *, written: bool, restarted: bool) -> None:
    assert server.run().returncode == 0
    if written:
        (server.folder / "own").write_text(f"K10{'c' * 64}::server:{NEW}")
    if restarted:
        (server.folder / "k3s.knows").write_text(NEW)
    done = server.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert server.data == NEW


def test_what_was_done_by_half_is_undone_and_done_again(server: Server) -> None:
    (server.folder / "k3s.refuse").write_text("once")
    assert server.run().returncode == 0
    assert server.data == NEW
    calls = (server.folder / "k3s.called").read_text().splitlines()
    assert len(calls) == 3, "the new one, the old one, the new one"


def test_words_of_the_service_are_shown(server: Server) -> None:
    (server.folder / "k3s.knows").write_text("another token")
    done = server.run()
    assert done.returncode == 1
    assert "not authorized" in done.stderr
    assert server.data == ""


def test_another_form_of_the_password_file_is_left_alone(server: Server) -> None:
    server.passwords.write_text("hashed:x,node\n")
    done = server.run()
    assert done.returncode == 1
    assert "no line for agents" in done.stderr
    assert server.passwords.read_text() == "hashed:x,node\n"
    (server.folder / "next").write_text("")
    assert "there are no new tokens" in server.run().stderr
