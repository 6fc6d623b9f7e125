from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.decide import volumes
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredVolume
from kbootstrap.cluster.state.node_facts import VolumeFacts
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.cluster.steps.volumes import MountVolume
from tests.cluster.world import api, desired_cluster, facts

AGENT, SERVER = "local-default-1", "local-control-plane-1"
ID = "0b9f1c52-7a3e-4d7e-9f10-2f9f7f3f6c11"
LINK = f"/dev/disk/by-id/virtio-{ID[:20]}"
GIB = 1 << 30
DATA = DesiredVolume("data", ID, "/var/lib/data", 2 * GIB)
GOOD = VolumeFacts(LINK, 2 * GIB, "ext4", 2 * GIB, "yes")
UNIT = volumes.unit_file(DATA, LINK)


def desired(*found: DesiredVolume) -> DesiredCluster:
    """A cluster whose agent has these volumes."""
    plan = desired_cluster()
    nodes = (replace(node, volumes=found) if node.name == AGENT else node for node in plan.nodes)
    return replace(plan, nodes=tuple(nodes))


def decided(
    seen: VolumeFacts | None, *, unit: bool = True, fresh: bool = False, volume: DesiredVolume = DATA
) -> tuple[list[str], list[str]]:
    """Return the agent's steps about the volume, and the codes of what is wrong."""
    plan = desired(volume)
    state = {"is": "fresh" if fresh else "running"}
    found = facts(plan, {"*": {"is": "running"}, AGENT: state})
    agent = found[AGENT]
    digest = {UNIT.path: hashed(UNIT.content)} if unit else {}
    agent = replace(agent, volumes={"data": seen} if seen else {}, files={**agent.files, **digest})
    made = decide(plan, {**found, AGENT: agent}, api(plan, {"*": {}}))
    mine: tuple[Step, ...] = made.steps.get(AGENT, ())
    return [f"{s.title} ({s.why})" for s in mine if "volume" in s.title], [d.code for d in made.diagnostics]


def hashed(text: str) -> str:
    return (
        subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
        .stdout[:64]
        .decode()
    )


MOUNT = "mount volume data at /var/lib/data"


@pytest.mark.parametrize(
    ("seen", "unit", "steps"),
    [
        (GOOD, True, []),
        (replace(GOOD, mounted="no"), True, [f"{MOUNT} (it is not mounted)"]),
        (replace(GOOD, mounted="no", filled=True), True, [f"{MOUNT} (it is not mounted)"]),
        (GOOD, False, [f"{MOUNT} (it would not be mounted at the next boot)"]),
        (replace(GOOD, link="/dev/disk/by-id/scsi-0QEMU"), True, [f"{MOUNT} ({UNIT.path} differs)"]),
        (replace(GOOD, size=GIB), True, ["grow volume data (its filesystem has 1 of 2 GiB)"]),
        (replace(GOOD, bytes=GIB, size=GIB), True, ["grow volume data (its filesystem has 1 of 2 GiB)"]),
        (replace(GOOD, size=2 * GIB - (32 << 20)), True, []),
        (
            VolumeFacts(LINK, 2 * GIB, "none"),
            False,
            ["format volume data (it is new, nothing is on it)", f"{MOUNT} (it is not mounted)"],
        ),
        (VolumeFacts(), True, [f"{MOUNT} (the machine does not show it)"]),
        (None, True, [f"{MOUNT} (the machine does not show it)"]),
    ],
)
def test_steps(seen: VolumeFacts | None, unit: bool, steps: list[str]) -> None:
    assert decided(seen, unit=unit) == (steps, [])


@pytest.mark.parametrize(
    ("seen", "unit", "codes"),
    [
        (replace(GOOD, kind="swap", mounted="no"), True, ["KB0841"]),
        (replace(GOOD, kind="gpt", mounted="no"), False, ["KB0841"]),
        (replace(GOOD, kind="unknown", mounted="no"), False, ["KB0841"]),
        (replace(GOOD, mounted="other"), True, ["KB0842"]),
        (replace(GOOD, mounted="no", elsewhere="/mnt"), False, ["KB0842"]),
        (VolumeFacts(LINK, 2 * GIB, "none", filled=True), False, ["KB0842"]),
    ],
)
def test_what_is_not_ours_is_left_alone(seen: VolumeFacts, unit: bool, codes: list[str]) -> None:
    """A plan with such a problem is refused: nothing of it is carried out."""
    assert decided(seen, unit=unit) == ([], codes)


def test_a_volume_that_does_not_exist_yet_is_part_of_the_plan() -> None:
    steps, problems = decided(None, unit=False, volume=replace(DATA, id=""))
    assert (steps, problems) == ([f"{MOUNT} (it is created and attached first)"], [])


def test_volumes_come_before_anything_is_sent_and_the_outer_one_first() -> None:
    plan = desired(replace(DATA, name="inner", mount="/srv/a/b"), replace(DATA, name="outer", mount="/srv/a"))
    found = facts(plan, {"*": {}})
    seen = VolumeFacts(LINK, 2 * GIB, "ext4", 2 * GIB)
    found[AGENT] = replace(found[AGENT], volumes={"inner": seen, "outer": seen})
    steps = decide(plan, found).steps[AGENT]
    mounts = [step.volume.name for step in steps if isinstance(step, MountVolume)]
    assert mounts == ["outer", "inner"]
    places = {type(step): place for place, step in reversed(list(enumerate(steps)))}
    assert places[MountVolume] < places[StageFile]


def test_a_running_service_is_not_restarted_for_a_volume() -> None:
    plan = desired(DATA)
    found = facts(plan, {"*": {"is": "running"}})
    found[AGENT] = replace(found[AGENT], volumes={"data": VolumeFacts(LINK, 2 * GIB, "none")})
    titles = [step.title for step in decide(plan, found, api(plan, {"*": {}})).steps[AGENT]]
    assert titles == ["format volume data", MOUNT]


def test_the_unit() -> None:
    assert UNIT.path == "/etc/systemd/system/var-lib-data.mount"
    assert f"\nWhat={LINK}\nWhere=/var/lib/data\nType=ext4\n" in UNIT.content
    assert UNIT.content.startswith("# Written by kbootstrap ")
    assert "\nWhere=/srv/100%%\n" in volumes.unit_file(replace(DATA, mount="/srv/100%"), LINK).content


SYSTEMD = shutil.which("systemd-escape")


@pytest.mark.skipif(SYSTEMD is None, reason="this machine has no systemd-escape")
@given(
    st.lists(
        st.text("ab-_.%ä\\9:", min_size=1, max_size=6).filter(lambda t: t not in (".", "..")), min_size=1
    )
)
def test_names_of_units_are_those_of_systemd(parts: list[str]) -> None:
    mount = "/" + "/".join(parts)
    done = subprocess.run(
        [str(SYSTEMD), "--path", "--suffix=mount", mount], capture_output=True, text=True, check=True
    )
    assert volumes.unit_name(mount) == done.stdout.strip()
