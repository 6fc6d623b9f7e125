"""Whether nodes need installed programs: releases contain them, builds from source do not."""

from __future__ import annotations

from collections.abc import Mapping

from kbootstrap.artifacts import cache
from kbootstrap.cluster.decide.desired import ARCHITECTURES
from kbootstrap.engine.context import Context


def bundled_programs(context: Context) -> Mapping[str, bool]:
    """Return, by architecture, whether the artifacts in the cache contain these programs."""
    kubernetes = context.cluster.kubernetes
    found = {}
    for arch in ARCHITECTURES:
        place = cache.place(context.runtime.cache, kubernetes.distribution, kubernetes.version, arch)
        if kept := cache.read(place):
            found[arch] = kept.source != cache.BUILT
    return found
