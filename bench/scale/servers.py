"""One sshd process for each host. Its forced command hands everything to `nodes.py` over a Unix socket."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.scale.layout import Layout

_CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {folder}/keys/{name}
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
SetEnv BENCH_HOST={name}
ForceCommand exec {socat} -t 3600 STDIO UNIX-CONNECT:{folder}/nodes
"""
_ACCEPTED = re.compile(rb"^Accepted publickey ", re.MULTILINE)


class Servers:
    """The sshd processes of a layout; `port` is where they listen."""

    def __init__(self, layout: Layout, port: int) -> None:
        self._layout, self._port = layout, port
        self._processes: list[subprocess.Popen[bytes]] = []
        self._seen: Counter[str] = Counter()

    def start(self) -> None:
        """Start them all; ends the program where a part is missing."""
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        socat = shutil.which("socat")
        if sshd is None or socat is None:
            sys.exit("sshd and socat are needed: apt-get install openssh-server socat")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        for name, address in self._layout.addresses.items():
            config = self._layout.folder / f"{name}.conf"
            config.write_text(
                _CONFIG.format(
                    port=self._port, address=address, folder=self._layout.folder, name=name, socat=socat
                ),
                encoding="utf-8",
            )
            command = [sshd, "-D", "-E", str(self._log(name)), "-f", str(config)]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))

    def connections(self) -> dict[str, int]:
        """Return how many logins each host accepted since the last call."""
        every = Counter({name: self._accepted(name) for name in self._layout.names})
        new, self._seen = every - self._seen, every
        return dict(new)

    def listening(self) -> bool:
        """Return whether all of them accept connections."""
        return all(b"Server listening" in self._text(name) for name in self._layout.names)

    def stop(self) -> None:
        """Stop them."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait()

    def _accepted(self, name: str) -> int:
        return len(_ACCEPTED.findall(self._text(name)))

    def _text(self, name: str) -> bytes:
        path = self._log(name)
        return path.read_bytes() if path.exists() else b""

    def _log(self, name: str) -> Path:
        return self._layout.folder / f"{name}.log"
