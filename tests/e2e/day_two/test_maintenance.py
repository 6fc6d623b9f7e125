"""Maintenance of real machines: updates with the real apt, and reboots.

The packages and the repository are the test's own: `kb-fix`, whose newer versions come from an archive that
says that it is for security. Its scripts say that the machine must be rebooted, as those of a kernel do.
The tests run in the order of the file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from kbootstrap.cluster.state.labels import LEAVING
from tests.e2e.day_two.names import S1, S2, S3, W1, W2, spec
from tests.e2e.lab import Lab, kill_now, voters, wait_for

pytestmark = [pytest.mark.ordered]
AGENT = W1
NODES = (S1, S2, S3, AGENT, W2)
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
_REQUIRES = "touch /run/reboot-required; echo kb-fix >> /run/reboot-required.pkgs"
_HELD = f"""\
touch /srv/begun
for _ in $(seq 1200); do [ -e /srv/hold ] || break; sleep 0.5; done
{_REQUIRES}"""
"""A script that goes on when the test says so."""


def window(*, opened: bool) -> str:
    """Return a window that is open for hours, or closed for days."""
    now = datetime.now(UTC)
    if opened:
        return f'{{from: "{now - timedelta(hours=2):%H:%M}", to: "{now + timedelta(hours=9):%H:%M}"}}'
    return f'{{days: [{now + timedelta(days=3):%a}], from: "02:00", to: "05:00"}}'.lower()


def maintained(maintenance: str) -> str:
    return spec(more=f"    maintenance: {maintenance}\n" if maintenance else "")


def auto(*, opened: bool) -> str:
    return maintained(f"{{window: {window(opened=opened)}, reboot: auto}}")


SPEC = auto(opened=False)


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


def steps(lab: Lab, name: str) -> list[tuple[str, str, str]]:
    """Return the steps of nodes in an event log: node, step, status."""
    lines = (json.loads(line) for line in (lab.folder / name).read_text().splitlines())
    return [(e["node"], e["step"], e["status"]) for e in lines if e["type"] == "step" and e.get("node")]


@pytest.fixture(scope="module", autouse=True)
def packages(cluster: Lab, chapter: None) -> None:
    """Install the first version of the package on all machines, from a repository on each."""
    del chapter
    for node in NODES:
        publish(cluster, node, 1)
        cluster.on_node(node, "dpkg -i /srv/repo/kb-fix_1_all.deb >/dev/null")


def test_machines_do_not_reboot_by_themselves(cluster: Lab) -> None:
    for node in NODES:
        said = cluster.on_node(node, "apt-config dump")
        assert 'Unattended-Upgrade::Automatic-Reboot "false";' in said
        assert 'APT::Periodic::Unattended-Upgrade "0";' in said
    cluster.nothing_to_do()


def test_outside_of_the_window_nothing_is_changed(cluster: Lab) -> None:
    before = {node: boot(cluster, node) for node in NODES}
    for node in (S1, S2, AGENT):
        publish(cluster, node, 2, _REQUIRES)
    assert os_of(cluster, S1)["security_updates"] is None
    said = cluster.run("maintain", "-y", "spec.yaml", code=1).stderr
    assert "KB0867" in said
    assert "the next window begins" in " ".join(said.split())

    shown = cluster.run("maintain", "--dry-run", "spec.yaml").stderr
    assert "install 1 security update (kb-fix)" in shown
    lines = cluster.run("maintain", "--dry-run", "-o", "json", "spec.yaml").stdout.splitlines()
    (document,) = (one for line in lines if (one := json.loads(line)).get("kind") == "maintenance")
    found = {node["name"]: node["updates"] for node in document["clusters"][0]["nodes"]}
    assert found == {S1: ["kb-fix"], S2: ["kb-fix"], S3: [], AGENT: ["kb-fix"], W2: []}
    assert os_of(cluster, S1)["security_updates"] == ["kb-fix"]
    assert os_of(cluster, S1)["reboot_required"] is False
    status = cluster.run("status", "spec.yaml").stdout
    assert status.count("1 security update pending (kb-fix)") == 3
    assert {installed(cluster, node) for node in NODES} == {"1"}
    assert {node: boot(cluster, node) for node in NODES} == before
    for node in (S1, S2):  # only the agent has an update in the next tests
        publish(cluster, node, 1)


def test_a_machine_waits_for_its_reboot_and_a_person_may_reboot_it(cluster: Lab) -> None:
    begun = boot(cluster, AGENT)
    cluster.spec(maintained("{reboot: never}"))
    assert "waits for a reboot" in cluster.run("maintain", "-y", "spec.yaml").stderr
    assert installed(cluster, AGENT) == "2"
    assert boot(cluster, AGENT) == begun
    assert "its machine must be rebooted (kb-fix)" in cluster.run("status", "spec.yaml").stdout
    assert os_of(cluster, AGENT)["reboot_packages"] == ["kb-fix"]

    cluster.spec(auto(opened=False))
    assert "KB0867" in cluster.run("maintain", "-y", "spec.yaml", code=1).stderr
    assert boot(cluster, AGENT) == begun
    cluster.run("maintain", "-y", "--now", "spec.yaml")
    assert boot(cluster, AGENT) != begun
    assert cluster.ready_nodes() == {*NODES}
    assert "must be rebooted" not in cluster.run("status", "spec.yaml").stdout


def test_a_second_run_has_nothing_to_do(cluster: Lab) -> None:
    cluster.spec(auto(opened=True))
    said = cluster.run("maintain", "-y", "--events", "again.jsonl", "spec.yaml").stderr
    assert "Nothing to do" in said
    assert {step for _, step, _ in steps(cluster, "again.jsonl")} == {"connect", "look for updates"}
    cluster.nothing_to_do()


@pytest.mark.full
def test_killed_while_a_package_is_configured_and_then_all_nodes(cluster: Lab) -> None:
    publish(cluster, S1, 2, _HELD)
    publish(cluster, S2, 2, _REQUIRES)
    publish(cluster, AGENT, 3)
    before = {node: boot(cluster, node) for node in NODES}
    cluster.spec(auto(opened=True))
    cluster.on_node(S1, "touch /srv/hold")
    process = cluster.start("maintain", "-y", "spec.yaml")
    wait_for("the package is being configured", lambda: cluster.on_node(S1, "ls /srv/begun"), every=0.2)
    kill_now(process)
    found = cluster.get("node", S1)
    assert found["spec"]["unschedulable"] is True
    assert LEAVING in found["metadata"]["annotations"]
    assert voters(cluster) == 3
    cluster.on_node(S1, "systemctl is-active kbootstrap-updates")
    cluster.on_node(S1, "rm /srv/hold")

    said = cluster.run("maintain", "-y", "--events", "events.jsonl", "spec.yaml").stderr
    assert "rebooted" in said
    versions = {node: installed(cluster, node) for node in NODES}
    assert versions == {S1: "2", S2: "2", S3: "1", AGENT: "3", W2: "1"}
    changed = {node for node in NODES if boot(cluster, node) != before[node]}
    assert changed == {S1, S2}
    assert cluster.ready_nodes() == {*NODES}
    assert not any(item["spec"].get("unschedulable") for item in cluster.get("nodes")["items"])
    wait_for("three voters", lambda: voters(cluster) == 3)

    done = [(node, step) for node, step, status in steps(cluster, "events.jsonl") if status == "done"]
    order = [node for node, step in done if step == "cordon the node"]
    assert order == [S1, S2, AGENT]
    for node, other in pairwise(order):
        assert done.index((node, "uncordon the node")) < done.index((other, "cordon the node"))
    for node in (S1, S2):
        assert done.index((node, "drain the node")) < done.index((node, "hand over to the other servers"))
        assert done.index((node, "hand over to the other servers")) < done.index((node, "reboot the machine"))


@pytest.mark.full
def test_a_failed_update_stops_the_run_and_gives_the_node_back(cluster: Lab) -> None:
    publish(cluster, S3, 2, "echo the disk is full >&2; exit 1")
    publish(cluster, AGENT, 4)
    cluster.spec(auto(opened=True))
    said = cluster.run("maintain", "-y", "spec.yaml", code=8).stderr
    assert "KB0866" in said
    assert "the disk is full" in said
    assert installed(cluster, AGENT) == "3"
    assert not any(item["spec"].get("unschedulable") for item in cluster.get("nodes")["items"])
    publish(cluster, S3, 3)
    cluster.run("maintain", "-y", "spec.yaml")
    assert (installed(cluster, S3), installed(cluster, AGENT)) == ("3", "4")


def test_the_settings_end_with_the_key(cluster: Lab) -> None:
    cluster.spec(maintained(""))
    cluster.run("apply", "-y", "spec.yaml")
    for node in NODES:
        said = cluster.on_node(node, "apt-config dump")
        assert "Unattended" not in said
        assert "no longer" in cluster.on_node(node, f"cat {SETTINGS}")
    cluster.nothing_to_do()
