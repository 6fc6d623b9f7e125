"""Infrastructure providers: folders that have a schema of the same name. No list names them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kbootstrap.core.errors import WrongUsage
from kbootstrap.providers.model import Provider
from kbootstrap.spec import schemas


def names() -> tuple[str, ...]:
    """Return the names of all providers that this version can carry out."""
    folders = {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}
    return tuple(name for name in schemas.providers() if name in folders)


def find(name: str) -> Provider:
    """Return the provider of that name; imports it now. Raises `WrongUsage` where there is none."""
    if name not in names():
        raise WrongUsage(f"there is no provider '{name}'", hint=f"there are: {', '.join(names())}")
    return cast("Provider", importlib.import_module(f"kbootstrap.providers.{name}").PROVIDER)
