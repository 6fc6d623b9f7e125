"""Infrastructure providers, found by their folder's name; nothing lists them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kbootstrap.errors import WrongUsage
from kbootstrap.providers.model import Provider


def names() -> tuple[str, ...]:
    """Return the names of all providers that this version can carry out."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def find(name: str) -> Provider:
    """Return the provider of that name; imports it now. Raises `WrongUsage` where there is none."""
    if name not in names():
        raise WrongUsage(f"there is no provider '{name}'", hint=f"there are: {', '.join(names())}")
    return cast("Provider", importlib.import_module(f"kbootstrap.providers.{name}").PROVIDER)
