"""Security updates for the tests of `maintain`: packages, their repository, and what a machine says.

The packages and the repository are the tests' own: `kb-fix`, whose newer versions come from an archive that
says that it is for security. Its scripts say that the machine must be rebooted, as those of a kernel do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.lab import Lab

SETTINGS = "/etc/apt/apt.conf.d/99-kbootstrap"
_PUBLISH = """\
set -e
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d && mkdir -p /srv/repo /srv/tree/DEBIAN
echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list
cd /srv/tree
printf '%s\\n' 'Package: kb-fix' 'Version: {version}' 'Architecture: all' \
    'Maintainer: tests <t@example.org>' 'Description: a package of the tests' > DEBIAN/control
cat > DEBIAN/postinst <<'END'
#!/bin/sh
{script}
END
chmod 755 DEBIAN/postinst
rm -f /srv/repo/*
dpkg-deb --root-owner-group -b /srv/tree /srv/repo/kb-fix_{version}_all.deb >/dev/null
cd /srv/repo
{{
    cat /srv/tree/DEBIAN/control
    echo "Filename: ./kb-fix_{version}_all.deb"
    echo "Size: $(stat -c %s kb-fix_*.deb)"
    echo "SHA256: $(sha256sum kb-fix_*.deb | cut -d' ' -f1)"
    echo
}} > Packages
printf '%s\\n' 'Origin: Debian' 'Label: Debian-Security' 'Suite: stable-security' 'SHA256:' \
    " $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages" > Release
"""
REQUIRES = "touch /run/reboot-required; echo kb-fix >> /run/reboot-required.pkgs"


def window(*, opened: bool) -> str:
    """Return a window that is open for hours, or closed for days."""
    now = datetime.now(UTC)
    if opened:
        return f'{{from: "{now - timedelta(hours=2):%H:%M}", to: "{now + timedelta(hours=9):%H:%M}"}}'
    return f'{{days: [{now + timedelta(days=3):%a}], from: "02:00", to: "05:00"}}'.lower()


def maintenance(value: str) -> str:
    """Return the lines of a cluster for a value of `maintenance`."""
    return f"    maintenance: {value}\n" if value else ""


def auto(*, opened: bool) -> str:
    """Return the value for reboots in a window."""
    return f"{{window: {window(opened=opened)}, reboot: auto}}"


def publish(lab: Lab, node: str, version: int, script: str = "true") -> None:
    """Put a version of the package into the repository of a machine."""
    lab.on_node(node, _PUBLISH.format(version=version, script=script))


def installed(lab: Lab, node: str) -> str:
    return lab.on_node(node, "dpkg-query -W -f '${Version}' kb-fix")


def boot(lab: Lab, node: str) -> str:
    """Return what changes when the machine starts: the start of its first process."""
    return lab.on_node(node, "sed 's/.*) //' /proc/1/stat | cut -d' ' -f20")


def os_of(lab: Lab, node: str) -> dict[str, Any]:
    found = json.loads(lab.run("status", "-o", "json", "spec.yaml", code=None).stdout)
    rows = {row["name"]: row["os"] for row in found["clusters"][0]["nodes"]}
    return dict(rows[node])


def planned(lab: Lab) -> dict[str, list[str]]:
    """Return the updates that `maintain` would install, by node."""
    lines = lab.run("maintain", "--dry-run", "-o", "json", "spec.yaml").stdout.splitlines()
    (document,) = (one for line in lines if (one := json.loads(line)).get("kind") == "maintenance")
    return {node["name"]: node["updates"] for node in document["clusters"][0]["nodes"]}


def steps(lab: Lab, name: str) -> list[tuple[str, str, str]]:
    """Return the steps of nodes in an event log: node, step, status."""
    lines = (json.loads(line) for line in (lab.folder / name).read_text().splitlines())
    return [(e["node"], e["step"], e["status"]) for e in lines if e["type"] == "step" and e.get("node")]


def first_version(lab: Lab, nodes: Iterable[str]) -> None:
    """Install the first version of the package on machines, from a repository on each."""
    for node in nodes:
        publish(lab, node, 1)
        lab.on_node(node, "dpkg -i /srv/repo/kb-fix_1_all.deb >/dev/null")
