"""The interface to the Kubernetes API that the cluster room uses; tests have their own implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.pods import Pod
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.additions import SecretContent
from kbootstrap.inventory.model import Endpoint


class ApiUnavailable(InstallFailed):
    """The Kubernetes API does not answer, or not usefully."""


class Api(Protocol):
    """The calls to the Kubernetes API that the cluster room needs.

    Every call raises `ApiUnavailable` when the API does not answer, or not usefully.
    """

    async def ready(self) -> bool:
        """Ask `/readyz` of whichever server answers."""

    async def nodes(self) -> tuple[ApiNode, ...]:
        """List the Node objects."""

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> bool:
        """Apply a JSON merge patch; False when another client changed (409) or deleted (404) it meanwhile."""

    async def delete_node(self, name: str) -> None:
        """Delete a Node object; one that is not there is fine."""

    async def secret_mark(self, name: str) -> str | None:
        """Return our mark on a Secret in `kube-system`, empty where it has none; None without a Secret."""

    async def put_secret(self, name: str, content: SecretContent) -> None:
        """Make a Secret in `kube-system`, or change it."""

    async def delete_pods(self, label: str) -> None:
        """Delete the pods in `kube-system` with a label, `key=value`; their owners make them again."""

    async def delete_secret(self, name: str) -> None:
        """Delete a Secret in `kube-system`; one that is not there is fine."""

    async def config(self, name: str) -> Mapping[str, str]:
        """Return what a ConfigMap in `kube-system` says; nothing where there is none."""

    async def put_config(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change entries of a ConfigMap in `kube-system`, which is made where there is none; None removes."""

    async def pods(self, node: str | None = None) -> tuple[Pod, ...]:
        """List the pods of a node, or of the cluster."""

    async def evict(self, namespace: str, name: str) -> str:
        """Ask for a pod to be moved away; return why that may not be now, empty where it may."""

    async def close(self) -> None:
        """Give connections back; never raises."""


Connect = Callable[[str, Endpoint], Api]
"""Opens the API: kubeconfig text, and the endpoint to use instead of the one that the text names."""
