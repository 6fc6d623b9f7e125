"""Renders whole specs, as `kbootstrap render` does, from the checkout's `specs/`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kbootstrap import distros
from kbootstrap.core import resources
from kbootstrap.distros.additions import NOTHING
from kbootstrap.distros.model import NodeFile
from kbootstrap.engine.additions import additions
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.providers.model import Provider
from kbootstrap.render.model import RenderedRoot, RenderedTree
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock, allocate, lock_path
from kbootstrap.spec.lockfile import load as load_lock
from kbootstrap.spec.model import Spec
from kbootstrap.spec.pins import ImagePin
from kbootstrap.spec.topology import nodes
from tests.providers.contexts import define
from tests.specs import SPECS


@dataclass(frozen=True)
class Rendered:
    """A spec, its roots by cluster, and the assembled tree."""

    spec: Spec
    roots: Mapping[str, RenderedRoot]
    tree: RenderedTree


def provider(name: str) -> Provider | None:
    """Return a provider; None for one that only has a schema so far."""
    try:
        module = importlib.import_module(f"kbootstrap.providers.{name}")
    except ModuleNotFoundError:
        return None
    return cast("Provider | None", getattr(module, "PROVIDER", None))


def read(path: Path) -> Spec:
    """Load a spec that must be good."""
    return load(path).checked(path)


def specs() -> list[Path]:
    """Return all specs."""
    return [path for path in sorted(SPECS.glob("*.yaml")) if not path.name.endswith(".lock.yaml")]


def renderable() -> list[Path]:
    """Return the specs of which HCL is rendered for every cluster."""
    return [path for path in specs() if all(root.files for root in render(path).roots.values())]


def pinned(spec: Spec) -> Lock:
    """Return the lock of a spec; an image that is looked up when the cluster is made gets an invented ID."""
    lock = allocate(spec, load_lock(lock_path(spec.path)))
    for cluster in spec.clusters:
        name = cluster.provider.settings.get("image", {}).get("name")
        if name is not None and lock.image_id(cluster.name, name) is None:
            lock = lock.with_image(cluster.name, ImagePin(name, "00000000-0000-4000-8000-000000000000"))
    return lock


def render(path: Path) -> Rendered:
    """Render every cluster of a spec with its lock file; no root where the provider cannot."""
    spec = read(path)
    lock = pinned(spec)
    roots: dict[str, RenderedRoot] = {}
    files: dict[str, dict[str, tuple[NodeFile, ...]]] = {}
    for cluster in spec.clusters:
        if made := provider(cluster.provider.name):
            roots[cluster.name] = made.render(define(spec, cluster, lock))
        distribution = distros.of(cluster.kubernetes)
        names = certificate_names(cluster)
        added = additions(define(spec, cluster, lock), made, distribution) if made else NOTHING
        files[cluster.name] = {
            n.name: distribution.files(cluster, n, names, added) for n in nodes(cluster, lock)
        }
    modules = read_modules(resources.terraform_modules())
    return Rendered(spec, roots, assemble(path.name, roots, modules, files))
