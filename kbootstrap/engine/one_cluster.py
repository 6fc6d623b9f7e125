"""Chooses the cluster of a snapshot command."""

from __future__ import annotations

from pathlib import Path

from kbootstrap.core.errors import WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.spec import choose, read_spec


def one_cluster(spec: Path, cluster: str | None, run: Runtime, *, changing: bool = True) -> Context:
    """Return the context of a cluster of the spec; its name is required if there are several.

    `changing` is as for `contexts`. Raises `WrongUsage` without the name.
    """
    loaded = read_spec(spec)
    chosen = choose(loaded, [cluster] if cluster else [])
    if len(chosen) != 1:
        names = ", ".join(one.name for one in chosen)
        raise WrongUsage("which cluster?", hint=f"--cluster takes one of: {names}")
    (context,) = contexts(loaded, chosen, run, changing=changing)
    return context
