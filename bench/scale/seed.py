"""Makes the cluster of a measurement beforehand, on the simulated clock and without SSH: in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.apply_cluster import apply_cluster
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.plan_cluster import plan_cluster
from kbootstrap.engine.spec import read_spec
from tests.fleet.clock import Clock
from tests.fleet.doors import Gate, node_doors
from tests.fleet.world import World


def seed(spec: Path, env: Mapping[str, str], world: World) -> None:
    """Apply a spec of existing machines to the world; raises what kbootstrap reports."""
    runtime = Runtime(LocalRunner(), env, cache_folder(env), Redactor(), nowhere)
    loaded = read_spec(spec)
    context = contexts(loaded, loaded.clusters, runtime)[0]
    Clock(world.now, world.advance).run(_apply(context, world))


async def _apply(context: Context, world: World) -> None:
    with node_doors(Gate(world), context.runtime.redactor):
        async with AsyncExitStack() as stack:
            await apply_cluster(await plan_cluster(context, stack, starting=True))
