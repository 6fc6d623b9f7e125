"""The argument of provider methods: the cluster as defined by spec and lock, and access to this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import ClusterSpace
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec


@dataclass(frozen=True, slots=True)
class ClusterDefinition:
    """The definition of one cluster by spec and lock. Methods that take only this argument are pure.

    `nodes` are the desired nodes.
    """

    spec: Spec
    cluster: Cluster
    lock: Lock
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ProviderContext(ClusterDefinition):
    """The cluster definition, and what a provider uses of this machine. Tests pass their own.

    `cache` is the cache folder of kbootstrap (`~/.cache/kbootstrap`), `env` the environment variables,
    `space` the cluster's folders, `answers` those of `Runtime`.
    """

    runner: Runner
    env: Mapping[str, str] = field(repr=False)
    cache: Path
    space: ClusterSpace
    redactor: Redactor
    emit: Emit
    answers: dict[str, Any] = field(default_factory=dict)
