"""`kbootstrap version`: the versions of kbootstrap and of the tools that it uses."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from kbootstrap import __version__
from kbootstrap.artifacts.cache import root
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import LocalRunner
from kbootstrap.tofu.find import find


async def versions(tofu: str | None, env: Mapping[str, str]) -> Mapping[str, str]:
    """Return the versions by name; for OpenTofu the reason why none can be used."""
    try:
        binary = await find(LocalRunner(env), env, root(env), tofu)
        found = f"{binary} ({binary.path})"
    except KbootstrapError as error:
        found = error.message
    return {"kbootstrap": __version__, "python": platform.python_version(), "tofu": found}
