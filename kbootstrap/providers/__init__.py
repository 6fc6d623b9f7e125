"""Infrastructure providers, found by their folder and the schema of the same name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kbootstrap.core.errors import WrongUsage
from kbootstrap.providers.model import Provider
from kbootstrap.spec import schemas


def names() -> tuple[str, ...]:
    """Return the names of the providers in this version."""
    folders = {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}
    return tuple(name for name in schemas.providers() if name in folders)


def find(name: str) -> Provider:
    """Import and return the provider with this name. Raises `WrongUsage` if it does not exist."""
    if name not in names():
        raise WrongUsage(f"there is no provider '{name}'", hint=f"available providers: {', '.join(names())}")
    return cast("Provider", importlib.import_module(f"kbootstrap.providers.{name}").PROVIDER)
