"""`kbootstrap doctor`: what `apply` needs on this machine, in a cloud, and on machines that exist.

Nothing is changed. Between machines that exist, the paths of nodes are tried: where nothing listens on a port
yet, a process does for some seconds.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.programs import kubectl
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros.model import Distribution
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.machine_checks import check_machines
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.providers.model import Check
from kbootstrap.tofu.find import find


async def doctor(spec: Path, clusters: Iterable[str], run: Runtime) -> tuple[Check, ...]:
    """Look at what the clusters of a spec need."""
    loaded = read_spec(spec)
    return await examine(contexts(loaded, choose(loaded, clusters), run), run)


async def examine(chosen: Sequence[Context], runtime: Runtime) -> tuple[Check, ...]:
    """Return one line for each requirement of the clusters; shared requirements are reported once."""
    existing = {id(one): machines for one in chosen if (machines := one.existing_machines) is not None}
    found = [await _tofu(runtime)] if len(existing) < len(chosen) else []
    found.append(await _kubectl(runtime, [context.distribution for context in chosen]))
    for context in chosen:
        found += await context.provider.check(context.provider_context)
        if id(context) in existing:
            found += await check_machines(context, existing[id(context)])
    return tuple(dict.fromkeys(found))


async def _tofu(runtime: Runtime) -> Check:
    name = "OpenTofu or Terraform"
    try:
        binary = await find(runtime.runner, runtime.env, runtime.cache, runtime.tofu)
    except KbootstrapError as error:
        return Check(name, ok=False, found=error.message, help=error.hint or "")
    others = "".join(f"; not used: {why}" for why in binary.unusable)
    return Check(name, ok=True, found=f"{binary} ({binary.path}){others}")


async def _kubectl(runtime: Runtime, distributions: Iterable[Distribution]) -> Check:
    choice = await kubectl(runtime.runner)
    if choice.path:
        others = "".join(f"; not used: {why}" for why in choice.unusable)
        return Check("kubectl", ok=True, found=f"{choice.path}{others}")
    own = dict.fromkeys(shlex.join(one.command("kubectl")) for one in distributions)
    text = "kbootstrap does not need it" + (f"; on a server: sudo {' or '.join(own)}" if own else "")
    return Check("kubectl", ok=None, found="; ".join(choice.unusable) or "not on PATH", help=text)
