"""A thin asynchronous door to the Kubernetes API: Node objects, pods, `/readyz`, one Secret, one ConfigMap.

lightkube reads the kubeconfig and makes the connection; requests are plain JSON, which keeps the door
narrow and patches exact. A Node's etcd membership is the condition `EtcdIsVoter` that k3s and RKE2 keep
(every 15 s).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kbootstrap import distros
from kbootstrap.cluster.deadlines import API, DELETING, OBSERVE, POLL, REQUEST
from kbootstrap.cluster.decide.host_record import read_record
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.labels import ANNOTATION, LEAVING
from kbootstrap.cluster.state.pods import Pod, read_pod
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.additions import SECRET_NAMESPACE, SecretContent
from kbootstrap.inventory.model import Endpoint
from kbootstrap.spec.model import Taint

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

T = TypeVar("T")
FIELD_MANAGER = "kbootstrap"
MARK = "kbootstrap/mark"
"""Annotation of a Secret of ours: public, says of what credential it is."""
_VOTER = "EtcdIsVoter"
_CONFIGS = f"/api/v1/namespaces/{SECRET_NAMESPACE}/configmaps"
_SECRETS = f"/api/v1/namespaces/{SECRET_NAMESPACE}/secrets"
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
"""Kinds of patches (Kubernetes: "API concepts"); the second makes what is not there, and JSON is YAML."""
_JSON = "application/json"
_PATCH_REFUSED = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
_EVICTION_REFUSED = (HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)
"""Answers to an eviction: the pod is gone; a budget forbids it now; several budgets hold it ("API-initiated
Eviction")."""


class ApiUnavailable(InstallFailed):
    """The Kubernetes API does not answer, or not usefully."""


class Api(Protocol):
    """What the cluster room needs of the Kubernetes API; tests pass their own.

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


def connect(kubeconfig: str, endpoint: Endpoint) -> Api:
    """Open the API with an admin kubeconfig through `endpoint`. Nothing is sent yet.

    Raises `ApiUnavailable` when the text is no kubeconfig.
    """
    return _HttpApi(kubeconfig, endpoint)


def preload_imports() -> None:
    """Import what `connect` needs (half a second), so that it is there when it is needed."""
    import httpx2  # noqa: F401
    import lightkube.config.client_adapter  # noqa: F401
    import ruamel.yaml  # noqa: F401


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Repeat a request until the API answers, up to `API` seconds: it may move, or etcd may elect a leader.

    `ask` must be idempotent. Raises `ApiUnavailable` when that takes longer.
    """
    begun = time.monotonic()
    while True:
        try:
            return await ask()
        except ApiUnavailable:
            if time.monotonic() - begun > API:
                raise
        await asyncio.sleep(POLL)


async def observe(
    api: Api, secret: str | None = None, record: str | None = None, *, patience: float = OBSERVE
) -> ApiFacts | None:
    """Return the nodes as the API reports them, the mark of `secret`, and the machines in `record`.

    None when it does not answer within `patience` seconds. Nodes that are being deleted are waited for: until
    then their machines are members of etcd, and a moment later they are not.
    """
    begun = time.monotonic()
    while True:
        try:
            mark = await api.secret_mark(secret) if secret else None
            machines = read_record(await api.config(record)) if record else {}
            nodes = {node.name: node for node in await api.nodes()}
            if time.monotonic() - begun > DELETING or not any(node.deleted for node in nodes.values()):
                return ApiFacts(nodes, mark, machines)
        except ApiUnavailable:
            if time.monotonic() - begun > patience:
                return None
        await asyncio.sleep(POLL)


class _HttpApi:
    """The real door."""

    def __init__(self, kubeconfig: str, endpoint: Endpoint) -> None:
        import httpx2
        from lightkube.config.client_adapter import AsyncClient, ConnectionParams

        self._endpoint = endpoint
        self._failures = (httpx2.HTTPError, OSError)
        params = ConnectionParams(timeout=httpx2.Timeout(REQUEST), trust_env=False)
        self._client = AsyncClient(_config(kubeconfig, endpoint), params)
        # httpcore verifies the certificate by this name instead of the host's (its extension `sni_hostname`).
        self._extensions = {"sni_hostname": endpoint.server_name} if endpoint.server_name else {}

    async def ready(self) -> bool:
        try:
            answer = await self._client.get("/readyz", extensions=self._extensions)
        except self._failures:
            return False
        return answer.status_code == HTTPStatus.OK

    async def nodes(self) -> tuple[ApiNode, ...]:
        answer = await self._ask("GET", "/api/v1/nodes")
        return tuple(read_node(item) for item in answer.get("items", ()))

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> bool:
        answer = await self._ask("PATCH", f"/api/v1/nodes/{name}", patch, fine=_PATCH_REFUSED)
        return answer.get("kind") != "Status"

    async def delete_node(self, name: str) -> None:
        await self._ask("DELETE", f"/api/v1/nodes/{name}", fine=(HTTPStatus.NOT_FOUND,))

    async def secret_mark(self, name: str) -> str | None:
        answer = await self._ask("GET", f"{_SECRETS}/{name}", fine=(HTTPStatus.NOT_FOUND,))
        if answer.get("kind") == "Status":
            return None
        return str((answer["metadata"].get("annotations") or {}).get(MARK, ""))

    async def put_secret(self, name: str, content: SecretContent) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "annotations": {MARK: content.mark}},
            "type": "Opaque",
            "stringData": dict(content.data),
        }
        await self._ask("PATCH", f"{_SECRETS}/{name}", body, form=_APPLY, force="true")

    async def delete_pods(self, label: str) -> None:
        await self._ask("DELETE", f"/api/v1/namespaces/{SECRET_NAMESPACE}/pods", labelSelector=label)

    async def delete_secret(self, name: str) -> None:
        await self._ask("DELETE", f"{_SECRETS}/{name}", fine=(HTTPStatus.NOT_FOUND,))

    async def config(self, name: str) -> Mapping[str, str]:
        answer = await self._ask("GET", f"{_CONFIGS}/{name}", fine=(HTTPStatus.NOT_FOUND,))
        return {} if answer.get("kind") == "Status" else dict(answer.get("data") or {})

    async def put_config(self, name: str, changes: Mapping[str, str | None]) -> None:
        fine = (HTTPStatus.NOT_FOUND,)
        answer = await self._ask("PATCH", f"{_CONFIGS}/{name}", {"data": dict(changes)}, fine=fine)
        if answer.get("kind") == "Status":
            kept = {key: value for key, value in changes.items() if value is not None}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": kept}
            await self._ask("POST", _CONFIGS, body, form=_JSON)

    async def pods(self, node: str | None = None) -> tuple[Pod, ...]:
        path = "/api/v1/pods"
        answer = await (
            self._ask("GET", path, fieldSelector=f"spec.nodeName={node}") if node else self._ask("GET", path)
        )
        return tuple(map(read_pod, answer.get("items", ())))

    async def evict(self, namespace: str, name: str) -> str:
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        answer = await self._ask("POST", path, body, form=_JSON, fine=_EVICTION_REFUSED)
        return _refusal(answer)

    async def close(self) -> None:
        with contextlib.suppress(*self._failures):
            await self._client.aclose()

    async def _ask(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: str = _MERGE,
        fine: Collection[HTTPStatus] = (),
        **params: str,
    ) -> dict[str, Any]:
        """Send one request; return the answer: for a status that is `fine` an object of kind `Status`."""
        manager = {"fieldManager": FIELD_MANAGER} if verb == "PATCH" else {}
        try:
            answer = await self._client.request(
                verb,
                path,
                params={**manager, **params} or None,
                headers={"Content-Type": form} if body is not None else None,
                content=json.dumps(body).encode() if body is not None else None,
                extensions=self._extensions,
            )
            if answer.status_code in fine:
                status = answer.json() if answer.content.startswith(b"{") else {}
                return {**status, "kind": "Status", "code": answer.status_code}
            if answer.is_success:
                content: dict[str, Any] = answer.json()
                return content
        except (*self._failures, ValueError) as error:
            raise self._unavailable(f"{error}" or type(error).__name__) from error
        raise self._unavailable(f"{verb} {path}: status {answer.status_code}\n{answer.text[:400]}")

    def _unavailable(self, detail: str) -> ApiUnavailable:
        return ApiUnavailable(
            f"the Kubernetes API at {self._endpoint.url} does not answer correctly",
            hint=f"look at the service on a server: journalctl {', or '.join(_units())}",
            detail=detail,
            code="KB0817",
        )


def _units() -> list[str]:
    """Return how `journalctl` is asked about the service of a server, one for each distribution."""
    return [f"-u {one.unit('server').removesuffix('.service')}" for one in distros.every()]


def _config(kubeconfig: str, endpoint: Endpoint) -> SingleConfig:
    """Read a kubeconfig and point it at `endpoint`."""
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ConfigError
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(kubeconfig)
        for cluster in content["clusters"]:
            cluster["cluster"]["server"] = endpoint.url
        config = KubeConfig.from_dict(content).get()
    except (YAMLError, ConfigError, TypeError, KeyError, AttributeError):
        config = None
    if config is None:
        raise ApiUnavailable(
            "the server's kubeconfig cannot be read",
            hint="look at it on the server; the service writes it again when it is removed and restarted",
            code="KB0822",
        )
    return config


def read_node(item: Mapping[str, Any]) -> ApiNode:
    """Read a Node object."""
    meta, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    ready = conditions.get("Ready", {})
    voter = conditions.get(_VOTER)
    taints = spec.get("taints", ())
    return ApiNode(
        name=meta["name"],
        ready=ready.get("status") == "True",
        version=status.get("nodeInfo", {}).get("kubeletVersion", ""),
        labels=meta.get("labels", {}),
        taints=tuple(Taint(t["key"], t.get("value", ""), t["effect"]) for t in taints),
        addresses=tuple(a["address"] for a in status.get("addresses", ())),
        applied=meta.get("annotations", {}).get(ANNOTATION),
        leaving=LEAVING in meta.get("annotations", {}),
        etcd=voter["status"] == "True" if voter else None,
        resource_version=meta.get("resourceVersion", ""),
        taint_times={f"{t['key']}:{t['effect']}": t["timeAdded"] for t in taints if "timeAdded" in t},
        deleted="deletionTimestamp" in meta,
        unschedulable=spec.get("unschedulable", False),
        heartbeat=_epoch(ready.get("lastHeartbeatTime")),
        reason="" if ready.get("status") == "True" else ready.get("message", ""),
    )


def _refusal(answer: Mapping[str, Any]) -> str:
    """Return why an eviction may not be; empty for one that may, and for a pod that is gone."""
    if answer.get("kind") != "Status" or answer.get("code") not in (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    ):
        return ""
    causes = [cause.get("message", "") for cause in (answer.get("details") or {}).get("causes") or ()]
    return " ".join(filter(None, (answer.get("message", ""), *causes)))


def _epoch(text: str | None) -> int:
    """Read a time of the API (RFC 3339); 0 where there is none."""
    return int(datetime.fromisoformat(text).timestamp()) if text else 0
