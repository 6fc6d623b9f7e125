"""Kubernetes distributions: each a folder with `DISTRIBUTION`, and a file in `schemas/distributions/`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kbootstrap.distros.model import Distribution
from kbootstrap.spec import distributions
from kbootstrap.spec.model import Kubernetes


def names() -> tuple[str, ...]:
    """Return the names of all distributions, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def find(name: str) -> Distribution:
    """Return the distribution of that name; KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    return cast("Distribution", importlib.import_module(f"{__name__}.{name}").DISTRIBUTION)


def of(kubernetes: Kubernetes) -> Distribution:
    """Return the distribution of a cluster, with the cluster's choices."""
    return find(kubernetes.distribution).chosen(kubernetes)


def every() -> tuple[Distribution, ...]:
    """Return all distributions, in the order of their names."""
    return tuple(map(find, names()))


def of_version(version: str) -> Distribution:
    """Return the distribution that a version is of; the default one where it is of none."""
    return find((distributions.of_version(version) or distributions.default()).name)
