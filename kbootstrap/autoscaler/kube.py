"""The Kubernetes API as the server uses it: Nodes, its Lease, and Events about that Lease.

Inside the cluster the identity is the pod's service account; its token is read again when the API refuses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kbootstrap.autoscaler.model import Notice, SeenNode
from kbootstrap.autoscaler.ports import LeaderLease
from kbootstrap.cluster.api.objects import read_node
from kbootstrap.cluster.api.requests import APPLY, JSON, ApiAccess, Requests
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.distros.additions import SECRET_NAMESPACE

KEEP = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
"""Annotation of Nodes that Cluster Autoscaler does not remove (its FAQ, "How can I prevent Cluster Autoscaler
from scaling down a particular node?")."""
LEASE = "kbootstrap-autoscaler"
LEASE_SECONDS = 15
_LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SECRET_NAMESPACE}/leases"
_EVENTS = f"/api/v1/namespaces/{SECRET_NAMESPACE}/events"


def connect(kubeconfig: Path | None) -> KubeApi:
    """Open the API with a kubeconfig; None: as the pod's service account. Nothing is sent yet.

    Raises `PrerequisiteMissing`.
    """
    return connect_with(identity(kubeconfig))


def connect_with(access: ApiAccess) -> KubeApi:
    """Open the API. Nothing is sent yet."""
    return KubeApi(access.config, access.config.cluster.server, access.server_name)


def identity(kubeconfig: Path | None) -> ApiAccess:
    """Return what a kubeconfig, or the pod's service account, says of the API. Raises as `connect`."""
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ConfigError
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    where = str(kubeconfig) if kubeconfig else "the service account of this pod"
    names: dict[str, str] = {}
    try:
        if kubeconfig is None:
            loaded = KubeConfig.from_service_account()
        else:
            content = YAML(typ="safe", pure=True).load(kubeconfig.read_text(encoding="utf-8"))
            loaded = KubeConfig.from_dict(content, fname=kubeconfig)
            # The library ignores this key.
            names = {one["name"]: one["cluster"].get("tls-server-name", "") for one in content["clusters"]}
        config = loaded.get()
    except (ConfigError, YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PrerequisiteMissing(
            f"no access to the Kubernetes API with {where}",
            hint="outside the cluster, `kubeconfig` of the configuration names a kubeconfig",
            detail=str(error),
            code="KB1403",
        ) from error
    if config is None:
        raise PrerequisiteMissing(f"{where} has no current context", code="KB1403")
    return ApiAccess(config, names.get(config.context.cluster or "") or None)


class KubeApi(Requests):
    """Implements `ports.Kubernetes`."""

    async def seen_nodes(self) -> tuple[SeenNode, ...]:
        """List the Nodes."""
        answer = await self._ask("GET", "/api/v1/nodes")
        return tuple(
            SeenNode(
                item["metadata"]["name"],
                item.get("spec", {}).get("providerID", ""),
                read_node(item).ready,
                item["metadata"].get("annotations", {}).get(KEEP) == "true",
            )
            for item in answer.get("items", ())
        )

    async def keep_node(self, name: str) -> None:
        """Mark a Node so that Cluster Autoscaler never chooses it for removal."""
        body = {"metadata": {"annotations": {KEEP: "true"}}}
        await self._ask("PATCH", f"/api/v1/nodes/{name}", body, fine=(HTTPStatus.NOT_FOUND,))

    async def delete_node(self, name: str) -> None:
        """Delete a Node if it exists."""
        await self._ask("DELETE", f"/api/v1/nodes/{name}", fine=(HTTPStatus.NOT_FOUND,))

    async def lease(self) -> LeaderLease:
        """Return the Lease of the leader."""
        answer = await self._ask("GET", f"{_LEASES}/{LEASE}", fine=(HTTPStatus.NOT_FOUND,))
        if answer.get("kind") == "Status":
            return LeaderLease()
        spec = answer.get("spec", {})
        return LeaderLease(
            spec.get("holderIdentity") or "",
            spec.get("renewTime") or "",
            spec.get("leaseTransitions") or 0,
            answer["metadata"]["resourceVersion"],
        )

    async def put_lease(self, lease: LeaderLease) -> bool:
        """Create or update the Lease; False if another client changed it since it was read."""
        meta = {"name": LEASE, "namespace": SECRET_NAMESPACE}
        spec = {
            "holderIdentity": lease.holder,
            "leaseDurationSeconds": LEASE_SECONDS if lease.holder else 1,
            "renewTime": _now(),
            "leaseTransitions": lease.changes,
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        fine = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
        if lease.version:
            body["metadata"] = {**meta, "resourceVersion": lease.version}
            answer = await self._ask("PUT", f"{_LEASES}/{LEASE}", body, form=JSON, fine=fine)
        else:
            answer = await self._ask("POST", _LEASES, body, form=JSON, fine=fine)
        return answer.get("kind") != "Status"

    async def report(self, notice: Notice, count: int) -> None:
        """Write an Event about the Lease that occurred `count` times; the same notice has one Event."""
        body = event(notice, count, _now())
        await self._ask("PATCH", f"{_EVENTS}/{body['metadata']['name']}", body, form=APPLY, force="true")


def event(notice: Notice, count: int, now: str) -> dict[str, Any]:
    """Return the Event of a notice. Its name is made of what it says, so that a repetition counts."""
    said = f"{notice.reason}\0{notice.group}\0{notice.name}\0{notice.message}"
    about: Mapping[str, str] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "name": LEASE,
        "namespace": SECRET_NAMESPACE,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{LEASE}.{hashlib.sha256(said.encode()).hexdigest()[:16]}",
            "namespace": SECRET_NAMESPACE,
        },
        "involvedObject": about,
        "reason": notice.reason,
        "message": notice.message[:1024],
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": LEASE},
        "lastTimestamp": now,
        "count": count,
    }


def _now() -> str:
    """Return the time in the form of the API's `MicroTime`, which `Time` accepts too."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
