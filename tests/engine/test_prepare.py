"""What several commands share."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.workspace import ClusterSpace, Workspace
from kbootstrap.engine import outputs
from kbootstrap.engine import prepare as preparing
from kbootstrap.engine.destroy_record import forget_destroy, note_destroy
from kbootstrap.engine.outputs import lost_hint, verify_there
from kbootstrap.engine.prepare import never_created
from kbootstrap.providers import find
from kbootstrap.tofu.state import State


def test_what_to_do_about_machines_that_the_state_does_not_know() -> None:
    delete = find("openstack").traits.delete_machine
    one = lost_hint(Path("dev.yaml"), ["dev-web-2"], ["dev-web-1"], delete)
    assert "kubectl get node dev-web-2" in one
    assert "openstack server delete dev-web-2" in one
    assert "destroy" not in one, "one machine is no reason to give a cluster up"
    assert "kbootstrap adopt dev.yaml" in one
    all_of_it = lost_hint(Path("dev.yaml"), ["dev-web-2"], [], delete)
    assert "kbootstrap adopt dev.yaml" in all_of_it
    assert "kbootstrap destroy dev.yaml" in all_of_it


class _Elsewhere:
    """A provider with the credentials of another project."""

    async def inspect(self, *_: object, **__: object) -> dict[str, str]:
        raise PrerequisiteMissing("nothing of it is in this project", code="KB1133")


def space(folder: Path) -> ClusterSpace:
    workspace = Workspace.beside(folder / "s.yaml")
    workspace.make()
    return workspace.of("c")


async def test_before_a_removal_it_looks_whether_the_cluster_is_there(tmp_path: Path) -> None:
    own = {"spec": "s", "cluster": "c", "nodes": {}}
    named = SimpleNamespace(name="s"), SimpleNamespace(name="c")
    files = space(tmp_path)
    context: Any = SimpleNamespace(
        spec=named[0], cluster=named[1], provider=_Elsewhere(), provider_context=None, space=files
    )
    with pytest.raises(PrerequisiteMissing) as caught:
        await verify_there(context, {"kbootstrap": own})
    assert caught.value.code == "KB1133"
    with pytest.raises(PrerequisiteMissing) as caught:
        await verify_there(context, {"kbootstrap": own | {"cluster": "other"}})
    assert caught.value.code == "KB0534"
    await verify_there(context, {})
    note_destroy(files, (), leaving=True)
    await verify_there(context, {"kbootstrap": own})  # it had begun: much may be gone


def test_a_cluster_that_was_certainly_never_created(tmp_path: Path) -> None:
    files = space(tmp_path)

    def never(backend: str = "local", settings: object = None, machines: object = None) -> bool:
        state = SimpleNamespace(backend=backend, settings=settings or {})
        given: Any = SimpleNamespace(
            spec=SimpleNamespace(state=state), existing_machines=machines, space=files
        )
        return never_created(given)

    assert never()
    assert not never("s3", {"bucket": "b"})
    assert not never("local", {"path": "/elsewhere"})
    assert not never(machines={"kbootstrap": {}})
    files.start()
    assert not never()


@pytest.mark.parametrize(("known", "lost"), [(("c-web-1", "c-web-2"), None), (("c-web-1",), "c-web-2")])
async def test_a_state_without_outputs_is_not_lost_if_it_has_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], lost: str | None
) -> None:
    """OpenTofu was interrupted while it created the cluster: the next apply completes it."""
    machine = 'module.pool_web.openstack_compute_instance_v2.node["{}"]'
    state = State(by_address={machine.format(name): f"id-{name}" for name in known})

    async def prepare(_context: object, *, creating: bool) -> object:
        async def read() -> State:
            return state

        assert not creating
        return SimpleNamespace(state=read)

    async def unprovisioned(names: list[str]) -> frozenset[str]:
        assert "c-web-1" not in names
        return frozenset()

    monkeypatch.setattr(outputs, "prepare", prepare)
    context: Any = SimpleNamespace(
        spec=SimpleNamespace(name="s", path=Path("s.yaml")),
        cluster=SimpleNamespace(name="c"),
        provider=find("openstack"),
        nodes=tuple(SimpleNamespace(name=name) for name in ("c-web-1", "c-web-2")),
        unprovisioned=unprovisioned,
        space=space(tmp_path),
    )
    if lost is None:
        assert await outputs.current_outputs(context) == {}
        return
    with pytest.raises(PrerequisiteMissing, match=lost) as caught:
        await outputs.current_outputs(context)
    assert caught.value.code == "KB0612"


def test_buckets_that_a_failed_removal_let_go_are_named_by_the_next(tmp_path: Path) -> None:
    files = space(tmp_path)
    assert note_destroy(files, ["c-a", "c-b"], leaving=True) == {"c-a", "c-b"}
    assert note_destroy(files, (), leaving=True) == {"c-a", "c-b"}
    assert note_destroy(files, ["c-b"], leaving=False) == {"c-a"}, "still in the state, so it is deleted"
    forget_destroy(files)
    assert note_destroy(files, (), leaving=True) == set()


class _Slow:
    """A provider that prepares an image for a long time, unless it is stopped."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def pin(self, given: object, *, creating: bool) -> object:
        assert creating
        return given

    async def prepare(self, _given: object, *, creating: bool) -> dict[str, str]:
        assert creating
        self.log.append("begin")
        try:
            await asyncio.sleep(3600)
        finally:
            self.log.append("end")
        return {}


async def test_without_opentofu_nothing_is_prepared_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is looked for while the provider prepares, which can take minutes."""
    provider, files = _Slow(), space(tmp_path)

    async def find(*_: object) -> None:
        await asyncio.sleep(0.05)
        raise PrerequisiteMissing("neither OpenTofu nor Terraform is on this machine")

    monkeypatch.setattr(preparing, "find", find)
    monkeypatch.setattr(preparing, "replace", lambda given, **_: given)
    run = SimpleNamespace(emit=nowhere, runner=None, env={}, cache=tmp_path, tofu=None)
    context: Any = SimpleNamespace(
        spec=SimpleNamespace(name="s"),
        cluster=SimpleNamespace(name="c"),
        space=files,
        runtime=run,
        provider=provider,
        provider_context=None,
        existing_machines=None,
    )
    with pytest.raises(PrerequisiteMissing):
        await preparing.prepare(context)
    assert provider.log == ["begin", "end"]
