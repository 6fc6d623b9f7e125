"""Renders the files for review: HCL, modules, and the configuration of every node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kbootstrap.core.resources import terraform_modules
from kbootstrap.distros import outside
from kbootstrap.distros.model import NodeFile
from kbootstrap.engine.context import Context
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.render.model import RenderedTree
from kbootstrap.render.tree import assemble, read_modules


def node_files(context: Context) -> Mapping[str, tuple[NodeFile, ...]]:
    """Return the configuration files of every node, for review."""
    names, additions = certificate_names(context.cluster), context.additions
    distro, cluster = context.distribution, context.cluster
    return {
        node.name: (
            *distro.files(cluster, node, names, additions),
            *outside.files(distro, cluster, node.role),
        )
        for node in context.nodes
    }


def render(contexts: Iterable[Context]) -> RenderedTree:
    """Return all files for review: HCL, its modules, and the configuration of every node; pure."""
    chosen = tuple(contexts)
    return assemble(
        chosen[0].spec.path.name,
        {one.cluster.name: one.root() for one in chosen},
        read_modules(terraform_modules()),
        {one.cluster.name: node_files(one) for one in chosen},
    )
