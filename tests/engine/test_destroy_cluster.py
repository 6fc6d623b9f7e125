"""The order in which `destroy` removes a cluster, with nothing real behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from kbootstrap.core.errors import CredentialsRefused, KbootstrapError, Locked, TofuFailed
from kbootstrap.core.events import Event, Type
from kbootstrap.core.workspace import Workspace
from kbootstrap.engine import destroy_cluster as destroying
from kbootstrap.engine.context import Context
from kbootstrap.engine.destroy_cluster import destroy_cluster
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.render.traits import ResourceTraits
from kbootstrap.tofu.state import State

MACHINE, RULE, BUCKET = 'module.a.machine.node["x"]', "module.a.rule.one", 'module.a.bucket.one["logs"]'
TRAITS = ResourceTraits(
    roles={"machine.node": "machine", "bucket.one": "bucket"}, contained=frozenset({"rule.one"})
)


@dataclass
class World:
    """Records what happens; `fails` has the errors of parts."""

    log: list[str] = field(default_factory=list)
    fails: dict[str, KbootstrapError] = field(default_factory=dict)
    early: list[Mapping[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    unreadable: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=lambda: {MACHINE: "vm", RULE: "r", BUCKET: "b"})

    def does(self, what: str) -> None:
        self.log.append(what)
        if what in self.fails:
            raise self.fails[what]

    async def state(self) -> State:
        return State(by_address={**self.ids, "module.a.other.one": ""}, ids=frozenset(self.ids.values()))

    async def state_remove(self, addresses: Sequence[str]) -> None:
        self.does(f"forget {' '.join(addresses)}")

    async def destroy(self) -> None:
        self.does("tofu destroy")

    async def remove(self, _context: object, resources: Mapping[str, str]) -> frozenset[str]:
        self.early.append(resources)
        self.does("early removal")
        return frozenset(self.unreadable)

    async def remove_orphans(self, _context: object, phase: OrphanPhase, known: object = ()) -> None:
        assert bool(known) is (phase is OrphanPhase.BEFORE_DESTROY)
        self.does(phase.name)

    async def list(self, _context: object) -> tuple[()]:
        self.does("elastic machines")
        return ()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()

    async def prepare(_context: Context, *, creating: bool) -> World:
        assert not creating
        return found

    async def nothing(*_: object) -> None:
        """Do nothing."""

    monkeypatch.setattr(destroying, "prepare", prepare)
    monkeypatch.setattr(destroying, "verify_there", nothing)
    monkeypatch.setattr(destroying, "lock_nodes", nothing)
    monkeypatch.setattr(destroying, "entries", lambda _: ())
    monkeypatch.setattr(destroying, "remove", lambda: None)
    return found


async def destroy(
    world: World,
    folder: Path,
    *,
    with_buckets: bool = False,
    early: bool = True,
    leased: bool = False,
    backend: str = "s3",
) -> None:
    provider = SimpleNamespace(
        traits=SimpleNamespace(resources=TRAITS),
        remove_orphans=world.remove_orphans,
        elastic_machines=world,
        early_removal=world if early else None,
    )
    context = SimpleNamespace(
        runtime=SimpleNamespace(emit=world.events.append),
        cluster=SimpleNamespace(name="prod"),
        spec=SimpleNamespace(state=SimpleNamespace(backend=backend, settings={})),
        provider=provider,
        provider_context=None,
        space=Workspace.beside(folder / "spec.yaml").of("prod"),
        lease=SimpleNamespace(verify=lambda: world.does("lease"), forget=lambda: None, is_held=leased),
    )
    async with AsyncExitStack() as stack:
        await destroy_cluster(
            cast("Context", context),
            stack,
            beginning=lambda: world.does("begins"),
            with_buckets=with_buckets,
        )


async def test_the_infrastructure_deletes_right_before_opentofu(world: World, tmp_path: Path) -> None:
    await destroy(world, tmp_path)
    assert world.log == [
        "begins",
        "BEFORE_DESTROY",
        f"forget {BUCKET} {RULE}",
        "lease",
        "elastic machines",
        "early removal",
        "elastic machines",
        "tofu destroy",
        "elastic machines",
        "AFTER_DESTROY",
    ]


async def test_what_opentofu_could_not_read_leaves_the_state(world: World, tmp_path: Path) -> None:
    world.unreadable = (MACHINE,)
    await destroy(world, tmp_path)
    assert world.log.index(f"forget {MACHINE}") == world.log.index("early removal") + 1
    assert world.log.index(f"forget {MACHINE}") < world.log.index("tofu destroy")


async def test_it_gets_what_opentofu_will_delete(world: World, tmp_path: Path) -> None:
    await destroy(world, tmp_path)
    await destroy(world, tmp_path, with_buckets=True)
    assert world.early == [{MACHINE: "vm"}, {MACHINE: "vm", BUCKET: "b"}]


@pytest.mark.parametrize(
    ("leased", "backend", "early"), [(True, "s3", True), (False, "local", True), (False, "s3", False)]
)
async def test_only_a_run_that_is_alone_deletes_early(
    world: World, tmp_path: Path, backend: str, *, leased: bool, early: bool
) -> None:
    """The lease shows it, or a lock: of the workspace, or of the state when resources leave the state.

    A destroy that goes on after an interruption may have none: there are no servers, and the rules have left
    the state. OpenTofu takes the lock and waits for another run then.
    """
    world.ids = {MACHINE: "vm"}
    await destroy(world, tmp_path, leased=leased, backend=backend)
    assert world.early == ([{MACHINE: "vm"}] if early else [])
    assert "tofu destroy" in world.log


async def test_a_failure_leaves_everything_to_opentofu(world: World, tmp_path: Path) -> None:
    world.fails["early removal"] = CredentialsRefused("the credentials may not delete a machine")
    await destroy(world, tmp_path)
    assert world.log.index("early removal") < world.log.index("tofu destroy")
    assert world.log[-1] == "AFTER_DESTROY"
    (logged,) = [event for event in world.events if event.type is Type.LOG]
    assert "may not delete a machine" in str(logged.detail)


async def test_opentofu_runs_alone_where_the_infrastructure_has_no_faster_way(
    world: World, tmp_path: Path
) -> None:
    await destroy(world, tmp_path, early=False)
    assert "tofu destroy" in world.log
    assert world.early == []


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("begins", KbootstrapError("the operator declined")),
        ("BEFORE_DESTROY", KbootstrapError("a load balancer of a Service stays")),
        (f"forget {BUCKET} {RULE}", TofuFailed("the state is locked")),
        ("lease", Locked("another run took the lock")),
    ],
)
async def test_nothing_is_deleted_early_after_a_failure(
    world: World, tmp_path: Path, part: str, error: KbootstrapError
) -> None:
    world.fails[part] = error
    with pytest.raises(type(error)):
        await destroy(world, tmp_path)
    assert world.early == []
    assert "tofu destroy" not in world.log
