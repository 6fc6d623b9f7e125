"""A rendered tree as data: file names and contents, and the source of each resource in the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kbootstrap.core.diagnostics import SpecPath


@dataclass(frozen=True, slots=True)
class RenderedRoot:
    """One cluster's root. `files` maps names relative to the root to their text.

    `modules` are the names of the modules that it uses, below `terraform-modules/`.
    `provenance` maps HCL addresses (`module.pool_web.terraform_data.node["production-web-1"]`, or any prefix
    of one, `module.pool_web`) to their source in the spec; the longest prefix wins.
    `providers` are the names of OpenTofu's providers that must be installed (`openstack`).
    """

    files: Mapping[str, str]
    modules: tuple[str, ...]
    provenance: Mapping[str, SpecPath]
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedTree:
    """Everything that `render` writes: `files` by path relative to the output folder, modules included.

    Layout: `<cluster>/*.tf`, `<cluster>/nodes/<node>/…` (node configuration) and
    `modules/<provider>/<module>/*`.
    """

    files: Mapping[str, str]
