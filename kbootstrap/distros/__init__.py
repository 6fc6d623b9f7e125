"""Kubernetes distributions: k3s and RKE2. A new one is a new folder with `DISTRIBUTION` in it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kbootstrap.distros.model import Distribution


def names() -> tuple[str, ...]:
    """Return the names of all distributions, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def find(name: str) -> Distribution:
    """Return the distribution of that name; KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    return cast("Distribution", importlib.import_module(f"{__name__}.{name}").DISTRIBUTION)
