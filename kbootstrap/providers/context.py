"""The one argument of a provider: a cluster as spec and lock define it, and access to this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import ClusterSpace
from kbootstrap.spec import topology
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec


@dataclass(frozen=True, slots=True)
class ClusterDefinition:
    """What spec and lock say about one cluster. Methods that take this and no more are pure.

    `nodes` are those that the spec wants.
    """

    spec: Spec
    cluster: Cluster
    lock: Lock
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ProviderContext(ClusterDefinition):
    """The cluster, and what a provider may use of this machine; passed in, so that tests need no patching.

    `cache` is kbootstrap's cache folder (`~/.cache/kbootstrap`), `env` the environment variables, `space` the
    cluster's folders.
    """

    runner: Runner
    env: Mapping[str, str] = field(repr=False)
    cache: Path
    space: ClusterSpace
    redactor: Redactor
    emit: Emit


def define(spec: Spec, cluster: Cluster, lock: Lock) -> ClusterDefinition:
    """Return the definition of a cluster. ValueError for a lock without the addresses of its pools."""
    return ClusterDefinition(spec, cluster, lock, topology.nodes(cluster, lock))
