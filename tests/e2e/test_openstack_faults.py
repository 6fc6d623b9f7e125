"""What is wrong is reported before anything is made in the cloud; and a large plan makes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.stack import SOON, SPEC, Stack, spec, stack

pytestmark = [pytest.mark.timeout(1500)]
SMALL = spec("one", "[{name: web, nodes: 1, flavor: lab.medium}]")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One project for all: nothing may be made in it."""
    with stack(tmp_path_factory.mktemp("faults"), "faults") as made:
        yield made


@pytest.fixture
def made(project: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A folder of its own for each test."""
    lab = Lab(tmp_path, project.lab.tool, extra=project.project.environment(tmp_path))
    yield replace(project, lab=lab)
    assert project.cloud.leftovers(project.project) == ()


def test_a_wrong_password(made: Stack) -> None:
    place = made.lab.folder / "clouds.yaml"
    made.project.environment(made.lab.folder, application_credential=False)
    place.write_text(re.sub(r"password: .*", "password: wrong-and-secret", place.read_text()))
    done = made.lab.run("apply", "-y", made.spec(SMALL), code=4, timeout=SOON)
    assert "wrong-and-secret" not in done.stderr + done.stdout
    assert "refused" in made.lab.run("doctor", "spec.yaml", code=5).stdout


def test_an_image_that_is_not_there(made: Stack) -> None:
    done = made.lab.run("apply", "-y", made.spec(SMALL.replace("Debian 12", "Debian 21")), code=3)
    assert "Debian 21" in done.stderr
    assert "spec.yaml:" in done.stderr


def test_a_quota_that_is_too_small_is_known_before(made: Stack) -> None:
    made.cloud.set_quotas(made.project, {"instances": 2, "cores": 4})
    try:
        done = made.lab.run("apply", "-y", made.spec(SPEC), code=3)
        assert "Machines: 5 more needed, 0 used, limit 2" in done.stderr
        assert "Cores: 10 more needed, 0 used, limit 4" in done.stderr
        assert made.cloud.leftovers(made.project) == ()
        assert "5 more needed" in made.lab.run("doctor", "spec.yaml", code=5).stdout
    finally:
        made.cloud.set_quotas(made.project, {"instances": -1, "cores": -1})


def test_a_network_name_that_is_taken(made: Stack) -> None:
    network = made.cloud.connect(made.project).network
    other = network.create_network(name="lab-one")
    try:
        done = made.lab.run("apply", "-y", made.spec(SMALL), code=3)
        assert "lab-one" in done.stderr
        assert "nothing was changed" in done.stderr
    finally:
        network.delete_network(other)


def test_a_plan_for_a_hundred_nodes_makes_nothing(made: Stack) -> None:
    path = made.spec(SPEC.replace("web, nodes: 2", "web, nodes: 97"))
    planned = made.lab.run("plan", "--detailed-exitcode", path, code=2)
    assert "100 nodes to install" in planned.stderr
