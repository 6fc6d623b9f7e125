"""What goes wrong on clouds ends in time, before anything is made where it can be; and a large plan."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.e2e.lab import kill_now, wait_for
from tests.e2e.proxy import proxy
from tests.e2e.stack import SPEC, Stack, stack

pytestmark = [pytest.mark.timeout(900)]
SMALL = (
    SPEC.replace("  ha:", "  one:")
    .replace("nodes: 3", "nodes: 1")
    .replace("web, nodes: 2", "web, nodes: 1")
    .replace("load_balancer", "floating_ip")
)


def empty(made: Stack) -> bool:
    """Return whether nothing was made."""
    return made.cloud.leftovers(made.project) == ()


def test_a_wrong_password(tmp_path: Path) -> None:
    with stack(tmp_path, "password") as made:
        place = tmp_path / "clouds.yaml"
        made.project.environment(tmp_path, application_credential=False)
        place.write_text(re.sub(r"password: .*", "password: wrong-and-secret", place.read_text()))
        begun = time.monotonic()
        done = made.lab.run("apply", "-y", made.spec(SMALL), code=4)
        assert time.monotonic() - begun < 60
        assert "wrong-and-secret" not in done.stderr + done.stdout
        assert "refused" in made.lab.run("doctor", "spec.yaml", code=5).stdout


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    with stack(tmp_path, "image") as made:
        done = made.lab.run("apply", "-y", made.spec(SMALL.replace("Debian 12", "Debian 21")), code=3)
        assert "Debian 21" in done.stderr
        assert "spec.yaml:" in done.stderr


def test_a_quota_that_is_too_small_is_known_before(tmp_path: Path) -> None:
    with stack(tmp_path, "quota", quotas={"instances": 2, "cores": 4}) as made:
        done = made.lab.run("apply", "-y", made.spec(SPEC), code=3)
        assert "Machines: 5 more needed, 0 used, limit 2" in done.stderr
        assert "Cores: 10 more needed, 0 used, limit 4" in done.stderr
        assert empty(made)
        assert "5 more needed" in made.lab.run("doctor", "spec.yaml", code=5).stdout


def test_a_network_name_that_is_taken(tmp_path: Path) -> None:
    with stack(tmp_path, "taken") as made:
        network = made.cloud.connect(made.project).network
        other = network.create_network(name="lab-one")
        try:
            done = made.lab.run("apply", "-y", made.spec(SMALL), code=3)
            assert "lab-one" in done.stderr
            assert "nothing was changed" in done.stderr
        finally:
            network.delete_network(other)


def test_killed_while_the_machines_are_made(tmp_path: Path) -> None:
    """`kill -9` after the network exists: the next apply goes on, and nothing is there twice."""
    with stack(tmp_path, "kill") as made:
        spec = made.spec(SMALL)
        try:
            process = made.lab.start("apply", "-y", spec)
            sdk = made.cloud.connect(made.project)
            wait_for("a network is made", lambda: list(sdk.network.networks(name="lab-one")), seconds=180)
            kill_now(process)
            made.lab.run("apply", "-y", spec, timeout=700)
            made.lab.kubectl("config", "use-context", "kbootstrap-lab/one")
            assert made.lab.ready_nodes() == {"one-control-plane-1", "one-web-1"}
            assert len(list(sdk.network.networks(name="lab-one"))) == 1
            assert len(list(sdk.compute.servers())) == 2
        finally:
            made.lab.run("destroy", "-y", spec, timeout=700)


def test_the_api_goes_away_while_machines_are_made(tmp_path: Path) -> None:
    """It ends with what to do, in time; what was made is kept, and the next apply goes on."""
    with stack(tmp_path, "away") as made, proxy() as way:
        made.lab.extra["HTTP_PROXY"] = way.url
        spec = made.spec(SMALL)
        try:
            process = made.lab.start("apply", "-y", spec)
            sdk = made.cloud.connect(made.project)
            wait_for("a machine is being made", lambda: list(sdk.compute.servers()), seconds=180)
            way.cut()
            assert process.wait(timeout=180) == 6
            said = (tmp_path / "started.err").read_text()
            assert "Traceback" not in said
            assert "KB0523" in said
            assert "the same command goes on" in said
            begun = time.monotonic()
            made.lab.run("apply", "-y", spec, code=5)
            made.lab.run("destroy", "-y", spec, code=5)
            assert time.monotonic() - begun < 120
            way.mend()
            made.lab.run("apply", "-y", spec, timeout=700)
            made.lab.run("apply", "-y", "--detailed-exitcode", spec)
            assert sorted(server.name for server in sdk.compute.servers()) == [
                "one-control-plane-1",
                "one-web-1",
            ]
            assert len(list(sdk.network.networks(name="lab-one"))) == 1
        finally:
            way.mend()
            made.lab.run("destroy", "-y", spec, timeout=700)


def test_a_plan_for_a_hundred_nodes_makes_nothing(tmp_path: Path) -> None:
    with stack(tmp_path, "hundred") as made:
        spec = made.spec(SPEC.replace("web, nodes: 2", "web, nodes: 97"))
        planned = made.lab.run("plan", "--detailed-exitcode", spec, code=2)
        assert "100 nodes to install" in planned.stderr
        assert empty(made)
