"""The files that the roots of all providers have, and the sources of their resources in the spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.render.hcl import Value, instance
from kbootstrap.render.root import backend, module_name, moves, outputs
from kbootstrap.spec.model import Cluster, Node, Pool, Spec, pool_path


def skeleton(
    spec: Spec, cluster: Cluster, pool_file: Callable[[Pool], str], own: Mapping[str, Value] | None = None
) -> tuple[dict[str, str], dict[str, SpecPath]]:
    """Return the files that every root has, and the source of each HCL address in the spec.

    `pool_file` renders the file of a pool or of the control plane; `own` are provider-specific outputs. A
    provider adds its own files, and more precise sources.
    """
    base: SpecPath = ("clusters", cluster.name)
    files = {
        "backend.tf": backend(spec, cluster),
        "outputs.tf": outputs(spec, cluster, own),
        **moves(cluster),
    }
    places: dict[str, SpecPath] = {
        "module.network": (*base, "network"),
        "module.endpoint": (*base, "api"),
        **dict.fromkeys(("output", "locals", "terraform", "moved"), base),
    }
    for pool in (cluster.control_plane, *cluster.pools):
        name = module_name(cluster, pool)
        files[f"{name}.tf"] = pool_file(pool)
        places[f"module.{name}"] = pool_path(cluster, pool)
    return files, places


def of_nodes(
    cluster: Cluster, wanted: Mapping[str, Sequence[Node]], resources: Iterable[str]
) -> dict[str, SpecPath]:
    """Return the sources of the resources that each node has one of; `resources` are `TYPE.NAME`."""
    kinds = tuple(resources)
    return {
        instance(f"module.{module_name(cluster, pool)}.{kind}", node.name): pool_path(cluster, pool)
        for pool in (cluster.control_plane, *cluster.pools)
        for node in wanted.get(pool.name, ())
        for kind in kinds
    }
