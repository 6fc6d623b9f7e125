"""Contexts of clusters without anything real behind them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context
from kbootstrap.providers.traits import ProviderTraits


def context(
    name: str,
    *,
    here: bool = False,
    processors: int = 2,
    emit: Emit = nowhere,
    **more: Any,  # noqa: ANN401
) -> Context:
    """Return the context of a cluster; `here`: its machines are on this machine."""
    provider = SimpleNamespace(
        name="here" if here else "cloud", traits=ProviderTraits(on_this_machine=here), **more
    )
    runner = cast("Any", None)
    return cast(
        "Context",
        SimpleNamespace(
            cluster=SimpleNamespace(name=name, provider=SimpleNamespace(name=provider.name)),
            spec=SimpleNamespace(name="s", path=Path("spec.yaml")),
            provider=provider,
            provider_context=name,
            runtime=Runtime(runner, {}, Path(), Redactor(), emit, processors=processors),
            space=SimpleNamespace(base=Path()),
            session=nullcontext,
        ),
    )
