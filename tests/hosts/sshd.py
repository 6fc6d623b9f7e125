"""A real OpenSSH server on loopback, for the tests of this room.

It runs in a mount namespace of its own, where /etc/passwd, /etc/shadow and /etc/sudoers are ours: users
`free` (sudo without a password), `asked` (sudo with one), one for each of `SHELLS` (sudo without a password,
start files that print), a plain shell for root, and a file system of 3 MiB at `<folder>/full`. Nothing of
this machine changes. Where namespaces are refused, only root's tests run.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.inventory.model import Machine, SshTarget

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")

STAND_IN = """\
#!/bin/sh
# A login shell of another family: it prints, refuses what csh or fish read differently, and stays around.
echo "*** welcome ***"
echo "*** noise ***" >&2
[ "$1" = -c ] || exit 64
case $2 in *'!'* | *[\\\\]* | *'
'*) echo "${0##*/}: event not found" >&2; exit 1 ;; esac
/bin/sh -c "$2"
status=$?
echo "*** goodbye ***"
exit $status
"""
"""Stands for shells that are not installed: csh expands `!` and breaks at newlines inside single quotes, fish
takes backslashes there for its own."""
PROGRAMS = (
    *(
        "apt-get",
        "blkid",
        "date",
        "df",
        "dmesg",
        "du",
        "free",
        "grep",
        "hostname",
        "ip",
        "iptables",
        "journalctl",
        "k3s",
        "ls",
        "mount",
        "ss",
    ),
    *("rm", "sort", "systemctl", "tail", "timedatectl", "uptime", "wipefs"),
)
"""What commands of the documentation may run: stand-ins that do nothing, for user `reader`."""
READER = """\
#!/bin/sh
# A login shell with nothing but the stand-ins, for what the documentation says.
PATH=/mnt/programs
export PATH
[ "$1" = -c ] || exit 64
exec /bin/sh -c "$2"
"""
_SUDO = """\
#!/bin/sh
command -v "$1" > /dev/null || { echo "sudo: $1: command not found" >&2; exit 127; }
"""
SHELLS = {
    "odd": ("/mnt/odd-shell", {}),
    "bash": ("bash", {".bashrc": "echo '*** welcome ***'; echo noise >&2\n"}),
    "tcsh": ("tcsh", {".tcshrc": "echo '*** welcome ***'\n"}),
    "zsh": ("zsh", {".zshenv": "echo '*** welcome ***'; echo noise >&2\n"}),
    "fish": ("fish", {".config/fish/config.fish": "echo '*** welcome ***'\n"}),
    "reader": ("/mnt/reader-shell", {}),
    "nothing": ("/usr/sbin/nologin", {}),
    "hungry": ("bash", {".bashrc": "cat > /dev/null\n"}),
}
"""Users, with their login shell and the start files in their home folder."""

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys /mnt/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
MaxStartups 10:30:100
{extra}
"""

_START = """\
set -e
for name in passwd shadow sudoers; do mount --bind {folder}/$name /etc/$name; done
mount -t tmpfs -o size=3m tmpfs {folder}/full
mount -t tmpfs -o size=1m,mode=755 tmpfs /mnt
cp -r {folder}/authorized_keys {folder}/home {folder}/programs {folder}/*-shell /mnt
chmod -R a+rX /mnt
exec {sshd} -D -e -f {folder}/config
"""


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make a key pair and return its public key as `type base64`."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sshd:
    """One server: `folder` has its keys, `log` what it says."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    isolated: bool

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def target(self, alias: str, **changes: object) -> SshTarget:
        fields: dict[str, object] = {
            "key_alias": alias,
            "host": "127.0.0.1",
            "port": self.port,
            "user": "root",
            "identities": (self.folder / "user_key",),
            **changes,
        }
        return SshTarget(**fields)  # type: ignore[arg-type]

    def machine(
        self,
        name: str = "node-1",
        *,
        instance: str = "i-1",
        host_keys: tuple[str, ...] = (),
        **changes: object,
    ) -> Machine:
        return Machine(name, "127.0.0.1", self.target(name, **changes), instance, host_keys)


def start(folder: Path, *, port: int | None = None, extra: str = "", user_key: Path | None = None) -> Sshd:
    """Start a server with new keys, or with the user key that exists already, and wait until it listens."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "host_key").exists():
        make_key(folder / "host_key")
    if user_key is None:
        make_key(folder / "user_key")
    else:
        for suffix in ("", ".pub"):
            shutil.copy(f"{user_key}{suffix}", folder / f"user_key{suffix}")
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    (folder / "authorized_keys").chmod(0o644)
    _pretend_users(folder)
    chosen = port or free_port()
    (folder / "config").write_text(_CONFIG.format(port=chosen, folder=folder, extra=extra))
    (folder / "full").mkdir(exist_ok=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    script = folder / "start"
    script.write_text(_START.format(folder=folder, sshd=SSHD))
    for argv, isolated in (
        (["unshare", "-m", "sh", str(script)], True),
        ([str(SSHD), "-D", "-e", "-f", str(folder / "config")], False),
    ):
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                argv, stderr=log, stdout=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        if _listens(chosen, process):
            return Sshd(folder, chosen, process, isolated)
    raise RuntimeError((folder / "log").read_text())


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(200):
        if process.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    process.kill()
    return False


def shell_of(user: str) -> str | None:
    """Return the path of a user's login shell; None where it is not installed."""
    shell = SHELLS[user][0]
    return shell if shell.startswith("/mnt/") else shutil.which(shell, path="/usr/bin:/bin:/usr/sbin:/sbin")


def _pretend_users(folder: Path) -> None:
    users = {"free": ("/", "/bin/sh"), "asked": ("/", "/bin/sh")}
    (folder / "programs").mkdir(exist_ok=True)
    scripts = {"odd-shell": STAND_IN, "reader-shell": READER, "programs/sudo": _SUDO}
    scripts |= {f"programs/{program}": "#!/bin/sh\n" for program in PROGRAMS}
    for script, text in scripts.items():
        (folder / script).write_text(text)
        (folder / script).chmod(0o755)
    for name, (_, files) in SHELLS.items():
        (folder / "home" / name).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            path = folder / "home" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if shell := shell_of(name):
            users[name] = (f"/mnt/home/{name}", shell)
    numbered = list(enumerate(users.items(), 23451))
    others = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")]
    passwd = "\n".join(["root:x:0:0:root:/root:/bin/sh", *others, ""])
    lines = "".join(f"{name}:x:{uid}:{uid}::{home}:{shell}\n" for uid, (name, (home, shell)) in numbered)
    (folder / "passwd").write_text(passwd + lines)
    (folder / "shadow").write_text(
        "root:*:19000:0:99999:7:::\n" + "".join(f"{name}:*:19000:0:99999:7:::\n" for name in users)
    )
    (folder / "shadow").chmod(0o600)
    free = "".join(f"{name} ALL=(ALL) NOPASSWD:ALL\n" for name in users if name != "asked")
    (folder / "sudoers").write_text(f"root ALL=(ALL) ALL\n{free}asked ALL=(ALL) ALL\n")
    (folder / "sudoers").chmod(0o440)
