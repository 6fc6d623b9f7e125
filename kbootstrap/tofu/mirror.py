"""Configures OpenTofu to use the provider mirror in kbootstrap's cache, if it has content.

Form of the file, and places of the operator's own: "CLI Configuration File" in the documentation of OpenTofu
and of Terraform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kbootstrap.artifacts.providers import HOSTS, mirror, mirrored
from kbootstrap.artifacts.source.recipe import TofuProvider
from kbootstrap.core import files
from kbootstrap.render.hcl import Block, Comment, document

VARIABLE = "TF_CLI_CONFIG_FILE"
FILE = "kbootstrap.tfrc"
"""The file that we write into the mirror's folder."""
_OWN = (".tofurc", ".terraformrc", ".config/opentofu/tofurc")
"""The operator's own configuration, below the home folder."""


def configured(env: Mapping[str, str]) -> bool:
    """Return whether the operator has a CLI configuration, which then determines the sources of providers.

    `env` is made by `environment()`: a variable that leads nowhere is not in it.
    """
    home = Path(env.get("HOME") or "/nonexistent")
    return VARIABLE in env or any((home / name).is_file() for name in _OWN)


def with_mirror(env: Mapping[str, str], cache: Path, providers: Sequence[str]) -> Mapping[str, str]:
    """Return `env` with which OpenTofu uses these providers from the mirror in the folder `cache`.

    It stays as it is where the operator has a configuration, or where the mirror has none of them. Writes the
    configuration file.
    """
    found = () if configured(env) else mirrored(cache, providers)
    if not found:
        return env
    path = mirror(cache) / FILE
    files.write_if_changed(path, configuration(mirror(cache), found))
    return {**env, VARIABLE: str(path)}


def configuration(folder: Path, providers: Sequence[TofuProvider]) -> str:
    """Return a configuration that installs `providers` from the mirror, all others from their registries."""
    addresses = [f"{host}/{one.source}" for one in providers for host in HOSTS]
    return document(
        Comment("Written by kbootstrap."),
        Block(
            "provider_installation",
            body=[
                Block("filesystem_mirror", body={"path": str(folder), "include": addresses}),
                Block("direct", body={"exclude": addresses}),
            ],
        ),
    )
