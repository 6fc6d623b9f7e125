"""Maintenance of real machines: updates with the real apt, and reboots; of an agent, while the server stays.

`day_two/test_maintenance.py` has several servers. The tests run in the order of the file.
"""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab
from tests.e2e.one_server.names import AGENT, SERVER, spec
from tests.e2e.updates import (
    REQUIRES,
    SETTINGS,
    auto,
    boot,
    first_version,
    installed,
    maintenance,
    os_of,
    planned,
    publish,
    steps,
)

pytestmark = [pytest.mark.ordered]
NODES = (SERVER, AGENT)


def maintain(lab: Lab, value: str) -> None:
    """Write the spec with a value of `maintenance`."""
    lab.spec(spec(lab, more=maintenance(value)))


@pytest.fixture(scope="module", autouse=True)
def packages(cluster: Lab, chapter: None) -> None:
    del chapter
    maintain(cluster, auto(opened=False))
    cluster.run("apply", "-y", "spec.yaml")
    first_version(cluster, NODES)


def test_machines_do_not_reboot_by_themselves(cluster: Lab) -> None:
    for node in NODES:
        said = cluster.on_node(node, "apt-config dump")
        assert 'Unattended-Upgrade::Automatic-Reboot "false";' in said
        assert 'APT::Periodic::Unattended-Upgrade "0";' in said
    cluster.nothing_to_do()


def test_outside_of_the_window_nothing_is_changed(cluster: Lab) -> None:
    before = {node: boot(cluster, node) for node in NODES}
    publish(cluster, AGENT, 2, REQUIRES)
    assert os_of(cluster, AGENT)["security_updates"] is None
    said = cluster.run("maintain", "-y", "spec.yaml", code=1).stderr
    assert "KB0867" in said
    assert "the next window begins" in " ".join(said.split())

    shown = cluster.run("maintain", "--dry-run", "spec.yaml").stderr
    assert "install 1 security update (kb-fix)" in shown
    assert planned(cluster) == {SERVER: [], AGENT: ["kb-fix"]}
    assert os_of(cluster, AGENT)["security_updates"] == ["kb-fix"]
    assert os_of(cluster, AGENT)["reboot_required"] is False
    status = cluster.run("status", "spec.yaml").stdout
    assert status.count("1 security update pending (kb-fix)") == 1
    assert {installed(cluster, node) for node in NODES} == {"1"}
    assert {node: boot(cluster, node) for node in NODES} == before


def test_a_machine_waits_for_its_reboot_and_a_person_may_reboot_it(cluster: Lab) -> None:
    begun = boot(cluster, AGENT)
    maintain(cluster, "{reboot: never}")
    assert "waits for a reboot" in cluster.run("maintain", "-y", "spec.yaml").stderr
    assert installed(cluster, AGENT) == "2"
    assert boot(cluster, AGENT) == begun
    assert "its machine must be rebooted (kb-fix)" in cluster.run("status", "spec.yaml").stdout
    assert os_of(cluster, AGENT)["reboot_packages"] == ["kb-fix"]

    maintain(cluster, auto(opened=False))
    assert "KB0867" in cluster.run("maintain", "-y", "spec.yaml", code=1).stderr
    assert boot(cluster, AGENT) == begun
    cluster.run("maintain", "-y", "--now", "spec.yaml")
    assert boot(cluster, AGENT) != begun
    assert cluster.ready_nodes() == {*NODES}
    assert "must be rebooted" not in cluster.run("status", "spec.yaml").stdout


def test_a_second_run_has_nothing_to_do(cluster: Lab) -> None:
    maintain(cluster, auto(opened=True))
    said = cluster.run("maintain", "-y", "--events", "again.jsonl", "spec.yaml").stderr
    assert "Nothing to do" in said
    assert {step for _, step, _ in steps(cluster, "again.jsonl")} == {"connect", "look for updates"}
    cluster.nothing_to_do()


def test_the_settings_end_with_the_key(cluster: Lab) -> None:
    maintain(cluster, "")
    cluster.run("apply", "-y", "spec.yaml")
    for node in NODES:
        said = cluster.on_node(node, "apt-config dump")
        assert "Unattended" not in said
        assert "no longer" in cluster.on_node(node, f"cat {SETTINGS}")
    cluster.nothing_to_do()
