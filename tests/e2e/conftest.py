"""Fixtures of the end-to-end tests: the tool, a lab per test, and clusters that several modules work on.

A folder of modules has one cluster, which its `conftest.py` makes. Each module is a chapter: it begins with a
well cluster of its own spec, whatever the chapters before left (`lab.begin`), and works alone too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.e2e.lab import Lab, engine, need, program
from tests.e2e.tofu_place import Place

HERE = Path(__file__).parent
TOOLS = ("tofu", "terraform")
WITH_BOTH = {
    "test_tofu.py",
    "test_tofu_interrupted.py",
    "test_hcl.py",
    "test_state.py",
    "test_state_servers.py",
    "test_pins.py",
}
"""Modules about the tool itself. Elsewhere it is OpenTofu, or that of `--tool`."""
WITH_BOTH_ALWAYS = "test_tofu.py"
"""The one of them that runs with Terraform in a usual run too."""
PATIENCE = 3000
"""Seconds until a test is stopped that waits for real parts."""
ORDER = (
    "day_two/test_upgrade.py",
    "day_two/test_machines.py",
    "day_two/test_sizes.py",
    "day_two/test_kubernetes.py",
    "day_two/test_conformance.py",
    "day_two/test_maintenance.py",
    "newcomer/test_plan.py",
    "newcomer/test_lifecycle.py",
    "newcomer/test_changes.py",
    "newcomer/test_lost_state.py",
    "newcomer/test_workloads.py",
    "newcomer/test_secrets.py",
    "one_server/test_first_apply.py",
    "one_server/test_ssh.py",
    "one_server/test_hung.py",
    "one_server/test_new_nodes.py",
    "one_server/test_two_operators.py",
    "one_server/test_crash_points.py",
    "one_server/test_maintenance.py",
    "one_server/test_rotation.py",
    "one_server/test_snapshots.py",
    "recovery/test_killed.py",
    "recovery/test_restore.py",
    "recovery/test_rotation.py",
    "rke2/test_install.py",
    "rke2/test_upgrade.py",
    "rke2/test_machines.py",
    "rke2/test_rotation.py",
    "rke2/test_snapshots.py",
    "metal/test_first_apply.py",
    "metal/test_life.py",
    "metal/test_hosts.py",
    "test_both_distributions.py",
    "test_autoscaler.py",
    "test_hardened.py",
    "test_openstack.py",
    "cloud_data/test_volumes.py",
    "cloud_data/test_pods.py",
    "cloud_data/test_elastic.py",
    "cloud_data/test_end.py",
    "test_openstack_vip.py",
    "test_openstack_variants.py",
    "test_local_provider.py",
    "test_air_gap.py",
    "test_openstack_faults.py",
    "test_state.py",
    "test_ci_templates.py",
    "test_tofu.py",
    "test_tofu_interrupted.py",
)
"""Chapters in their order; and the longest first, so that workers end at about the same time.

A worker is given its next module when two tests are left: a long module does not follow two long tests.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tool", choices=TOOLS, default=TOOLS[0], help="what the clusters are made with")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the modules about the tool with OpenTofu and with Terraform."""
    name = Path(str(metafunc.module.__file__)).name
    if "tool" in metafunc.fixturenames and name in WITH_BOTH:
        marks = [] if name == WITH_BOTH_ALWAYS else [pytest.mark.full]
        tools = (TOOLS[0], pytest.param(TOOLS[1], marks=marks))
        metafunc.parametrize("tool", tools, indirect=True, scope="module")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests, and put them into their order."""
    places = {HERE / name: number for number, name in enumerate(ORDER)}
    own = [item for item in items if HERE in item.path.parents]
    for item in own:
        item.add_marker("real")
        item.add_marker(pytest.mark.timeout(PATIENCE), append=False)
    own.sort(key=lambda item: places.get(item.path, len(ORDER)))
    items[:] = [item for item in items if item not in own] + own


class ByCluster(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Sends the modules of one cluster to one worker, in the order above."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        folder = module.rpartition("/")[0]
        return module if folder == "tests/e2e" else folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCluster:  # noqa: ANN401 (of xdist)
    config.option.loadscopereorder = False
    return ByCluster(config, log)


@pytest.fixture(scope="session")
def tool(request: pytest.FixtureRequest) -> str:
    """OpenTofu or Terraform, as a path."""
    name = getattr(request, "param", None) or request.config.getoption("--tool")
    found = program(name)
    need(found, f"{name} is not installed")
    return str(found)


@pytest.fixture
def place(tmp_path: Path, tool: str) -> Place:
    """A small root, for tests of the tool itself."""
    made = Place(tmp_path, tool)
    made.write()
    return made


@pytest.fixture
def lab(tmp_path: Path, tool: str) -> Lab:
    """A folder and the program, for one test."""
    engine()
    folder = tmp_path / "lab"
    folder.mkdir()
    return Lab(folder, tool)
