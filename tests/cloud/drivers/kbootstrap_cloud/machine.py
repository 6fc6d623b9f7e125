"""A machine: a folder with its disk and its console, and a systemd-nspawn container that boots from it.

All processes of a machine are in its control groups (../../cgroups), so stopping it is emptying them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from kbootstrap_cloud.run import ip, run

_STARTER = "/run/source/inside/machine"
_CONSOLE_TAIL = 200_000
_CONFIG_DRIVE = "var/lib/cloud/seed/config_drive"
_BY_ID = "/dev/disk/by-id"
_EARLY_DEATH_SECONDS = 2.0


class MachineDied(Exception):
    """A machine ended right after its start; says what its console showed last."""


class Machine:
    """One instance of Nova on this compute host."""

    def __init__(self, folder: Path, uuid: str) -> None:
        self.folder = folder
        self.uuid = uuid
        self.namespace = f"vm-{uuid[:13]}"
        self.console = folder / "console.log"

    @property
    def exists(self) -> bool:
        """Whether the machine was made, running or not."""
        return self.folder.is_dir()

    @property
    def pid(self) -> int | None:
        """Process ID of the container's supervisor while it runs."""
        try:
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except (OSError, ValueError):
            return None
        return pid if self.uuid in command else None

    @property
    def leader(self) -> int | None:
        """Process ID of the first process inside."""
        children = run("pgrep", "-P", str(self.pid or 0), check=False).split()
        return int(children[0]) if children else None

    def make(self, image: Path, config_drive: Iterable[tuple[str, bytes | str]]) -> None:
        """Make the folder; `image` is the unpacked file system below the machine's own changes.

        What Nova puts on a config drive goes to where cloud-init looks for one before it looks at devices.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "image").write_text(str(image))
        for name, content in config_drive:
            path = self.folder / "upper" / _CONFIG_DRIVE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def start(self, memory_mib: int) -> None:
        """Boot. The network namespace and its devices must be there. Raises `MachineDied`."""
        image = (self.folder / "image").read_text()
        starter = [_STARTER, str(self.folder), image, self.uuid, f"i{self.uuid[:8]}", self.namespace]
        with self.console.open("ab") as console:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", *starter, str(memory_mib << 20)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(str(process.pid))
        deadline = time.monotonic() + _EARLY_DEATH_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.1)
            if process.poll() is not None:
                raise MachineDied(self.output()[-400:].decode(errors="replace"))

    def stop(self, patience: float = 0) -> None:
        """Shut down in order for at most `patience` seconds, then by force."""
        pid = self.pid
        if pid and patience:
            os.kill(pid, signal.SIGTERM)  # the supervisor passes on what makes systemd halt
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and self.pid:
                time.sleep(0.2)
        for _ in range(50):
            left = self._members()
            if not left:
                break
            for member in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            time.sleep(0.1)
        for group in self._groups():
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()

    def remove(self, *, disk: bool) -> None:
        """Take away what a stopped machine leaves: loop devices, its network namespace, and its folder."""
        for record in self.folder.glob("loop-*"):
            self.detach(record.name.removeprefix("loop-"))
        ip("netns", "delete", self.namespace, check=False)
        if disk:
            shutil.rmtree(self.folder, ignore_errors=True)

    def output(self) -> bytes:
        """Return the end of what the console showed."""
        try:
            return self.console.read_bytes()[-_CONSOLE_TAIL:]
        except OSError:
            return b""

    def attach(self, file: str, name: str, serial: str) -> None:
        """Show a file as the block device /dev/`name` of the running machine.

        A disk of virtio has a serial number of 20 characters, by which udev names it below /dev/disk/by-id.
        These machines have no udev, so that name is made here.
        """
        loop = run("losetup", "--show", "--find", file).strip()
        (self.folder / f"loop-{name}").write_text(loop)
        device = Path(loop).stat().st_rdev
        numbers = f"{os.major(device)} {os.minor(device)}"
        self._inside(
            f"mknod /dev/{name} b {numbers} && mkdir -p {_BY_ID} && "
            f"ln -sf ../../{name} {_BY_ID}/virtio-{serial[:20]}"
        )

    def grow(self, name: str) -> None:
        """Let the machine see that the file behind a block device has grown."""
        run("losetup", "--set-capacity", (self.folder / f"loop-{name}").read_text())

    def detach(self, name: str) -> None:
        """Take a block device away; one that is not attached is no error."""
        record = self.folder / f"loop-{name}"
        if not record.exists():
            return
        run("losetup", "--detach", record.read_text(), check=False)
        links = f"find {_BY_ID} -lname ../../{name} -delete"
        self._inside(f"rm -f /dev/{name}; [ ! -d {_BY_ID} ] || {links}")
        record.unlink()

    def _inside(self, command: str) -> None:
        """Run a shell command in the mount namespace of the running machine; of one that is down nothing."""
        run("nsenter", "-t", str(self.leader or 0), "-m", "sh", "-c", command, check=False)

    def _groups(self) -> list[Path]:
        name = f"{os.environ['GROUP']}/vm-{self.uuid}"
        top = Path("/sys/fs/cgroup")
        return [path for path in (top / name, *(place / name for place in top.iterdir())) if path.is_dir()]

    def _members(self) -> set[int]:
        found: set[int] = set()
        for group in self._groups():
            for file in group.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    found |= {int(line) for line in file.read_text().split()}
        return found - {0}
