"""The self-extracting program of k3s: an archive with the node's programs, embedded in the vendor's launcher.

Layout of the archive: `scripts/package-cli` of k3s. The program (`cmd/k3s`) unpacks it below
`/var/lib/rancher/k3s/data/<hash>`, verifies `.sha256sums` and `.links`, and runs the requested subcommand.

Unlike the vendor's archive, it does not contain the user space of `bin/aux` (iptables, ipset, conntrack, ip,
...), the SELinux and strongSwan parts, or the charts of Traefik. Nodes must have iptables, ipset and
conntrack installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts.source.pack import Data, Entry, Symlink, compressed, write_tar

CNI_LINKS = ("bandwidth", "bridge", "firewall", "flannel", "host-local", "loopback", "portmap")
"""File names of the CNI program; containerd selects a plugin by its file name."""


def pack(programs: Mapping[str, Path], folder: Path, links: Mapping[str, str]) -> Path:
    """Write the archive of `programs` (name in `bin/` to file) into `folder`, named by its own hash.

    `links` maps additional names to these programs.
    """
    links = {**links, **dict.fromkeys(CNI_LINKS, "cni")}
    sums = "".join(f"{_sha256(path)}  {name}\n" for name, path in sorted(programs.items()))
    entries: dict[str, Entry] = {f"bin/{name}": Data(path, 0o755) for name, path in programs.items()}
    entries |= {f"bin/{name}": Symlink(target) for name, target in links.items()}
    entries["bin/.sha256sums"] = Data(sums.encode())
    entries["bin/.links"] = Data("".join(f"{n} {t}\n" for n, t in sorted(links.items())).encode())
    raw = folder / "data.tar.zst"
    with compressed(raw) as stream:
        write_tar(stream, entries)
    return raw.rename(folder / f"{_sha256(raw)}.tar.zst")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
