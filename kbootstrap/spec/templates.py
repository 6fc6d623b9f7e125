"""Initial specs for `kbootstrap init`, one file per provider in `templates/`."""

from __future__ import annotations

from importlib import resources

from kbootstrap.core.errors import WrongUsage
from kbootstrap.spec import flaw

_FOLDER = "templates"


def template_names() -> tuple[str, ...]:
    """Return the providers that have a template."""
    files = resources.files(__package__).joinpath(_FOLDER).iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def template(provider: str) -> str:
    """Return the text of an initial spec; raises `WrongUsage` for a provider without a template."""
    known = template_names()
    if provider not in known:
        meant = flaw.close(provider, known)
        raise WrongUsage(
            f"there is no template for provider {provider[:40]!r}",
            hint=f"did you mean {meant}?" if meant else f"there are: {', '.join(known)}",
        )
    return resources.files(__package__).joinpath(_FOLDER, f"{provider}.yaml").read_text("utf-8")
