"""Taking what exists into a state: what is refused, what is done, and that it may be done again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.commands import adopt as module
from kbootstrap.commands.adopt import Adopted, adopt_cluster
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.runtime import Runtime
from kbootstrap.providers.capabilities import Adoptable, ExistingResource
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange
from kbootstrap.tofu.state import State, read

NODE, KEYS = "terraform_data.node", "terraform_data.authorized_keys"
FOUND = Adoptable(
    (ExistingResource(NODE, "c-web-1", "carried"), ExistingResource(KEYS, "c-web-1")), {"NAMES": "c-web-1"}
)


def state(**found: str) -> str:
    resources = [
        {
            "mode": "managed",
            "type": "terraform_data",
            "name": name,
            "instances": [{"attributes": {"id": one}}],
        }
        for name, one in found.items()
    ]
    return json.dumps({"version": 4, "serial": 1, "resources": resources})


class _Tofu:
    root = Path("root")
    planfile = root / "plan"

    def __init__(self, text: str, *plans: Sequence[tuple[str, Kind]]) -> None:
        self.text, self.plans = text, list(plans)
        self.targets: list[Sequence[str]] = []
        self.applied = 0

    async def state(self) -> State:
        return read(self.text)

    async def state_write(self, text: str) -> None:
        self.text = text

    async def plan(self, _: Path, *, targets: Sequence[str] = ()) -> PlanSummary:
        self.targets.append(targets)
        changes = self.plans.pop(0)
        return PlanSummary(
            tuple(ResourceChange(a, "terraform_data", kind, (), None, (), None, None) for a, kind in changes),
            (),
            (),
        )

    async def apply(self, _: Path, _on_created: object = None) -> None:
        self.applied += 1
        self.text = state(node="drawn", authorized_keys="k")


class _World:
    """A cluster whose provider finds something, and an OpenTofu that has something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tofu: _Tofu, found: Adoptable = FOUND) -> None:
        self.tofu, self.found = tofu, found
        self.env: dict[str, str] = {}
        monkeypatch.setattr(module, "prepare", self.prepare)
        monkeypatch.setattr(module, "replace", self.replaced)

    async def prepare(self, _: object) -> _Tofu:
        return self.tofu

    def replaced(self, thing: Any, **changes: Any) -> Any:  # noqa: ANN401
        self.env |= changes.get("env", {})
        return thing

    async def adopt(self, *, existing: object = None) -> Adopted:
        async def find(*_: object) -> Adoptable:
            return self.found

        context = SimpleNamespace(
            existing_machines=existing,
            runtime=Runtime(None, {}, Path(), None, nowhere),  # type: ignore[arg-type]
            cluster=SimpleNamespace(name="c"),
            spec=SimpleNamespace(name="s", path=Path("spec.yaml")),
            nodes=(),
            provider_context=None,
            provider=SimpleNamespace(adoption=SimpleNamespace(find=find)),
            lease=SimpleNamespace(verify=lambda: None),
            space=SimpleNamespace(start=lambda: None),
        )
        return await adopt_cluster(context, beginning=lambda: None)  # type: ignore[arg-type]


async def test_it_is_recorded_as_created_with_its_existing_id(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World(monkeypatch, _Tofu("", [(NODE, "create"), (KEYS, "create")]))
    assert await world.adopt() == Adopted(("c-web-1",), ())
    assert "carried" in world.tofu.text
    assert "drawn" not in world.tofu.text
    assert world.env == {"NAMES": "c-web-1"}
    assert await world.adopt() == Adopted((), ("c-web-1",))
    assert world.tofu.applied == 1


async def test_a_run_that_was_interrupted_before_the_ids_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World(monkeypatch, _Tofu(state(node="drawn", authorized_keys="k")))
    assert await world.adopt() == Adopted(("c-web-1",), ())
    assert "carried" in world.tofu.text
    assert world.tofu.applied == 0


async def test_what_does_not_exist_is_left_to_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    new = "terraform_data.other"
    tofu = _Tofu(
        "", [(NODE, "create"), (KEYS, "create"), (new, "create")], [(NODE, "create"), (KEYS, "create")]
    )
    await _World(monkeypatch, tofu).adopt()
    assert tofu.targets == [(), [KEYS, NODE]]
    assert tofu.applied == 1


@pytest.mark.parametrize("kind", ["replace", "update", "delete"])
async def test_nothing_that_runs_is_changed(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    tofu = _Tofu("", [(NODE, kind), (KEYS, "create")])
    with pytest.raises(PrerequisiteMissing) as caught:
        await _World(monkeypatch, tofu).adopt()
    assert caught.value.code == "KB0899"
    assert not tofu.applied


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Adoptable((), {}), "KB0896"),
        (Adoptable(FOUND.things, {}, unexpected=("c-old-1",)), "KB0897"),
        (Adoptable(FOUND.things, {}, problems=("c-web-1 has another address",)), "KB0897"),
    ],
)
async def test_what_cannot_be_taken(monkeypatch: pytest.MonkeyPatch, found: Adoptable, code: str) -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        await _World(monkeypatch, _Tofu(""), found).adopt()
    assert caught.value.code == code


async def test_machines_that_exist_have_no_state_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await _World(monkeypatch, _Tofu("")).adopt(existing={})).stateless
