"""Lock files of an operator's runs are no part of what tests read."""

from __future__ import annotations

from pathlib import Path

from tests.render.trees import pinned, read, specs
from tests.specs import CHECKOUT, PINNED, SPECS, copied

LOCK = """\
apiVersion: kbootstrap/v1alpha1
images:
  ha: {name: "Debian 12", id: "0f2c0d2e-6f5c-4b1e-9d0e-3b8f4f5f7c99"}
"""


def test_a_lock_file_that_an_apply_left_is_not_copied(tmp_path: Path) -> None:
    """`make cloud` and `apply specs/openstack-lab.yaml`, as the README says, leave one in the checkout."""
    checkout, copy = tmp_path / "checkout", tmp_path / "copy"
    checkout.mkdir()
    copy.mkdir()
    for path in (CHECKOUT / "specs").glob("*.yaml"):
        (checkout / path.name).write_text(path.read_text())
    (checkout / "openstack-lab.lock.yaml").write_text(LOCK)
    copied(checkout, copy)
    assert {path.name for path in copy.glob("*.lock.yaml")} == {f"{name}.lock.yaml" for name in PINNED}
    lock = pinned(read(copy / "openstack-lab.yaml"))
    assert lock.image_id("ha", "Debian 12") == "00000000-0000-4000-8000-000000000000"


def test_the_specs_of_this_run_are_the_copy() -> None:
    assert {path.parent for path in specs()} == {SPECS}
    assert CHECKOUT not in SPECS.parents
