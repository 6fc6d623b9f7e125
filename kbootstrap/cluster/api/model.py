"""The interface to the Kubernetes API that the cluster room uses; tests have their own implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.cluster.state.pods import Owner, Pod
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.additions import SecretContent
from kbootstrap.inventory.model import Endpoint


class ApiUnavailable(InstallFailed):
    """The Kubernetes API does not answer, or its answer is an error."""


class Api(Protocol):
    """The calls to the Kubernetes API that the cluster room needs.

    Every call raises `ApiUnavailable` if the API does not answer, or if its answer is an error.
    """

    async def ready(self) -> bool:
        """Return whether `/readyz` succeeds, on any server."""

    async def nodes(self) -> tuple[ApiNode, ...]:
        """List the Node objects."""

    async def node(self, name: str) -> ApiNode | None:
        """Return a Node object; None if it does not exist."""

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> bool:
        """Apply a JSON merge patch; False if another client changed (409) or deleted (404) the Node."""

    async def delete_node(self, name: str) -> None:
        """Delete a Node object if it exists."""

    async def release_leases(self, node: str) -> None:
        """Let others take the leases in `kube-system` that programs of a node hold.

        Their holder is the node's name, or begins with it and `_`. A lease that has just changed is kept.
        """

    async def secret_mark(self, name: str) -> str | None:
        """Return our mark on a Secret in `kube-system`, empty if it has none; None without a Secret."""

    async def put_secret(self, name: str, content: SecretContent) -> None:
        """Create or update a Secret in `kube-system`."""

    async def delete_pods(self, label: str) -> None:
        """Delete the pods in `kube-system` with a label, `key=value`; their owners recreate them."""

    async def has_pods(self, label: str) -> bool:
        """Return whether there are pods in `kube-system` with a label, `key=value`."""

    async def delete_lease(self, name: str) -> None:
        """Delete a Lease in `kube-system` if it exists."""

    async def delete_config(self, name: str) -> None:
        """Delete a ConfigMap in `kube-system` if it exists."""

    async def delete_secret(self, name: str) -> None:
        """Delete a Secret in `kube-system` if it exists."""

    async def config(self, name: str) -> Mapping[str, str]:
        """Return the data of a ConfigMap in `kube-system`; empty if there is none."""

    async def put_config(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change entries of a ConfigMap in `kube-system`, or create it; None removes an entry."""

    async def pods(self, node: str | None = None) -> tuple[Pod, ...]:
        """List the pods of a node, or of the cluster."""

    async def replicas(self, owner: Owner) -> int | None:
        """Return how many pods an owner shall have: 0 if it does not exist; None if nodes decide."""

    async def objects(self, path: str) -> Listing:
        """List the objects at a path of the API; one that is forbidden, or not served, is a refusal."""

    async def evict(self, namespace: str, name: str) -> str:
        """Evict a pod; return the reason if the API refuses it now, otherwise an empty string."""

    async def close(self) -> None:
        """Close the connections; never raises."""


Connect = Callable[[str, Endpoint], Api]
"""Opens the API: kubeconfig text, and the endpoint to use instead of the one that the text names."""
