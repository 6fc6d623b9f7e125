"""Fixtures of the end-to-end tests: one lab per test, and clusters that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab import Lab, engine, need, program

TOOLS = ("tofu", "terraform")
WITH_ONE_TOOL = {"test_lock.py", "test_rotation.py", "test_secrets.py", "test_snapshots.py"}
"""Modules about what is done over SSH: the infrastructure below it is the same with either tool."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests; Podman is tried with OpenTofu alone, because both tools run the same scripts."""
    items[:] = [
        item
        for item in items
        if not item.name.endswith(("[terraform-podman]", "[podman-terraform]"))
        if not (item.path.name in WITH_ONE_TOOL and "[terraform" in item.name)
    ]
    for item in items:
        if "tests/e2e/" in str(item.path):
            item.add_marker("real")


@pytest.fixture(scope="module", params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    """Each of OpenTofu and Terraform, as a path."""
    found = program(request.param)
    need(found, f"{request.param} is not installed")
    return str(found)


@pytest.fixture
def lab(tmp_path: Path, tool: str) -> Lab:
    """A folder and the program, for one test."""
    engine()
    return Lab(tmp_path, tool)


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory, tool: str) -> Lab:
    """A folder and the program, for all tests of a module that look at one cluster."""
    engine()
    return Lab(tmp_path_factory.mktemp("lab"), tool)
