"""The tofu room against real OpenTofu and real Terraform, with small roots of `terraform_data`."""

from __future__ import annotations

import pytest

from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.events import Status
from kbootstrap.core.redact import MASK
from tests.e2e.tofu_place import POOL, ROOT, SECRET, Place


async def test_the_whole_way(place: Place) -> None:
    tofu = await place.tofu()
    assert await tofu.init() is True
    assert await tofu.init() is False
    assert await tofu.validate() == ()
    assert (await tofu.state()).by_address == {}
    assert (await tofu.state()).outputs == {}

    summary = await tofu.plan(place.planfile)
    assert summary.counts == {"create": 3}
    assert {c.node for c in summary.changes} == {None, "dev-web-1", "dev-web-2"}
    assert {c.spec for c in summary.changes} == {POOL, (*POOL, "nodes")}
    assert summary.outputs == ("kbootstrap",)
    assert place.planfile.stat().st_mode & 0o777 == 0o600

    await tofu.apply(place.planfile)
    step = 'create module.pool_web.terraform_data.node["dev-web-1"]'
    assert ("dev-web-1", step, Status.STARTED) in place.seen.steps()
    assert ("dev-web-1", step, Status.DONE) in place.seen.steps()
    assert (await tofu.state()).outputs == {"kbootstrap": {"a": 1, "image": "", "nodes": {}}}
    assert len((await tofu.state()).by_address) == 3

    assert await tofu.init() is False
    assert (await tofu.plan(place.planfile)).empty

    await tofu.destroy()
    assert (await tofu.state()).by_address == {}
    said = "".join(f"{event.step} {event.detail}" for event in place.seen.events)
    assert SECRET not in said
    assert MASK in said
    assert "CLI configuration" not in said


async def test_resources_removed_from_the_state_stay(place: Place) -> None:
    tofu = await place.apply()
    await tofu.state_remove(["module.pool_web.terraform_data.first"])
    assert len((await tofu.state()).by_address) == 2


async def test_a_replacement_is_explained(place: Place) -> None:
    await place.apply()
    tofu = await place.tofu(image="two")
    summary = await tofu.plan(place.planfile)
    assert summary.counts == {"replace": 2}
    assert {c.because for c in summary.changes} == {("triggers_replace.image",)}
    tofu = await place.tofu()
    address = 'module.pool_web.terraform_data.node["dev-web-2"]'
    (change,) = (await tofu.plan(place.planfile, replace=[address])).changes
    assert (change.address, change.kind, change.reason) == (address, "replace", "replace_by_request")
    (change,) = (await (await place.tofu(image="two")).plan(place.planfile, targets=[address])).changes
    assert change.address == address
    assert (await tofu.plan(place.planfile, destroy=True, refresh=False)).counts == {"delete": 3}


async def test_a_failing_command_is_shown_at_its_line_of_the_spec(place: Place) -> None:
    with pytest.raises(TofuFailed) as caught:
        await place.apply(fail="dev-web-2")
    (diagnostic,) = caught.value.diagnostics
    assert caught.value.code == diagnostic.code == "KB0508"
    assert str(diagnostic.span) == "dev.yaml:7:9"
    assert "exit status 1" in diagnostic.reason
    assert f"begin dev-web-2 {MASK}" in diagnostic.reason
    assert "sleep" not in diagnostic.reason
    assert any(node == "dev-web-2" and status is Status.FAILED for node, _, status in place.seen.steps())
    await place.apply()
    assert len((await (await place.tofu()).state()).by_address) == 3


async def test_an_error_in_the_root_leads_to_the_spec(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    place.write({"main.tf": ROOT["main.tf"].replace("image  = var.image", "image  = var.imag")})
    (diagnostic,) = await tofu.validate()
    assert diagnostic.severity is Severity.ERROR
    assert str(diagnostic.span) == "dev.yaml:5:9"
    place.write({"main.tf": 'terraform {\n  backend "no_such" {}\n}\n'})
    with pytest.raises(TofuFailed) as caught:
        await tofu.init()
    assert caught.value.diagnostics[0].summary == "Unsupported backend type"
    assert "main.tf:2" in caught.value.diagnostics[0].reason


async def test_what_init_left_may_be_deleted(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    (place.root / ".terraform" / "modules" / "modules.json").unlink()
    assert (await tofu.plan(place.planfile)).counts == {"create": 3}


async def test_a_stale_plan_is_not_applied(place: Place) -> None:
    tofu = await place.tofu()
    await tofu.init()
    await tofu.plan(place.folder / "old")
    await place.apply()
    with pytest.raises(TofuFailed) as caught:
        await tofu.apply(place.folder / "old")
    assert caught.value.code == "KB0514"


async def test_a_damaged_state(place: Place) -> None:
    await place.apply()
    (place.root / "terraform.tfstate").write_text("{")
    with pytest.raises(TofuFailed) as caught:
        await (await place.tofu()).plan(place.planfile)
    assert caught.value.code == "KB0507"
