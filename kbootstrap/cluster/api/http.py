"""Requests to the Kubernetes API over HTTPS.

lightkube reads the kubeconfig and makes the connection; requests are plain JSON, so that patches are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.api.objects import eviction_refusal, read_node, read_replicas
from kbootstrap.cluster.api.requests import APPLY, JSON, ApiAccess, Requests
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.cluster.state.pods import Owner, Pod, read_pod
from kbootstrap.distros.additions import SECRET_NAMESPACE, SecretContent
from kbootstrap.inventory.model import Endpoint

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

MARK = "kbootstrap/mark"
"""Annotation of a Secret of ours: public, says of what credential it is."""
_NODES = "/api/v1/nodes"
_CONFIGS = f"/api/v1/namespaces/{SECRET_NAMESPACE}/configmaps"
_LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SECRET_NAMESPACE}/leases"
_SECRETS = f"/api/v1/namespaces/{SECRET_NAMESPACE}/secrets"
PAGE = 500
"""Objects of one answer to a list, the number of kubectl; a list stays open for minutes ("API Concepts")."""
_LIST_REFUSED = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_PATCH_REFUSED = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
_EVICTION_REFUSED = (HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)
"""Answers to an eviction: the pod is gone; a budget forbids it now; several budgets hold it ("API-initiated
Eviction")."""


def connect(kubeconfig: str, endpoint: Endpoint) -> Api:
    """Open the API with an admin kubeconfig through `endpoint`. Nothing is sent yet.

    Raises `ApiUnavailable` when the text is no kubeconfig.
    """
    return _HttpApi(kubeconfig, endpoint)


def connect_as(access: ApiAccess) -> Api:
    """Open the API with the identity and the server of a kubeconfig. Nothing is sent yet."""
    return _ConfiguredApi(access)


def preload_imports() -> None:
    """Import the packages that `connect` needs: this takes half a second."""
    import httpx2  # noqa: F401
    import lightkube.config.client_adapter  # noqa: F401
    import ruamel.yaml  # noqa: F401


class _HttpApi(Requests):
    """The Kubernetes API, reached with an admin kubeconfig."""

    def __init__(self, kubeconfig: str, endpoint: Endpoint) -> None:
        super().__init__(_config(kubeconfig, endpoint), endpoint.url, endpoint.server_name)

    async def nodes(self) -> tuple[ApiNode, ...]:
        answer = await self._ask("GET", _NODES)
        return tuple(read_node(item) for item in answer.get("items", ()))

    async def node(self, name: str) -> ApiNode | None:
        answer = await self._ask("GET", f"{_NODES}/{name}", fine=(HTTPStatus.NOT_FOUND,))
        return None if answer.get("kind") == "Status" else read_node(answer)

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> bool:
        answer = await self._ask("PATCH", f"{_NODES}/{name}", patch, fine=_PATCH_REFUSED)
        return answer.get("kind") != "Status"

    async def delete_node(self, name: str) -> None:
        await self._ask("DELETE", f"{_NODES}/{name}", fine=(HTTPStatus.NOT_FOUND,))

    async def release_leases(self, node: str) -> None:
        for lease in (await self._ask("GET", _LEASES)).get("items", ()):
            if (lease["spec"].get("holderIdentity") or "").partition("_")[0] == node:
                meta = lease["metadata"]
                body = {
                    "metadata": {"resourceVersion": meta["resourceVersion"]},
                    "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
                }
                await self._ask("PATCH", f"{_LEASES}/{meta['name']}", body, fine=_PATCH_REFUSED)

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
        await self._ask("PATCH", f"{_SECRETS}/{name}", body, form=APPLY, force="true")

    async def delete_pods(self, label: str) -> None:
        await self._ask("DELETE", f"/api/v1/namespaces/{SECRET_NAMESPACE}/pods", labelSelector=label)

    async def has_pods(self, label: str) -> bool:
        path = f"/api/v1/namespaces/{SECRET_NAMESPACE}/pods"
        return bool((await self._ask("GET", path, labelSelector=label)).get("items"))

    async def delete_lease(self, name: str) -> None:
        await self._ask("DELETE", f"{_LEASES}/{name}", fine=(HTTPStatus.NOT_FOUND,))

    async def delete_config(self, name: str) -> None:
        await self._ask("DELETE", f"{_CONFIGS}/{name}", fine=(HTTPStatus.NOT_FOUND,))

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
            await self._ask("POST", _CONFIGS, body, form=JSON)

    async def pods(self, node: str | None = None) -> tuple[Pod, ...]:
        path = "/api/v1/pods"
        answer = await (
            self._ask("GET", path, fieldSelector=f"spec.nodeName={node}") if node else self._ask("GET", path)
        )
        return tuple(map(read_pod, answer.get("items", ())))

    async def replicas(self, owner: Owner) -> int | None:
        group = "/api/v1" if owner.kind == "ReplicationController" else "/apis/apps/v1"
        path = f"{group}/namespaces/{owner.namespace}/{owner.kind.lower()}s/{owner.name}"
        return read_replicas(await self._ask("GET", path, fine=(HTTPStatus.NOT_FOUND,)), owner.kind)

    async def objects(self, path: str) -> Listing:
        found: list[Mapping[str, Any]] = []
        paging = {"limit": str(PAGE)}
        while True:
            answer = await self._ask("GET", path, None, fine=_LIST_REFUSED, **paging)
            if answer.get("code") == HTTPStatus.GONE and "continue" in paging:
                found, paging = [], {}  # the list that was begun is closed: all at once
                continue
            if answer.get("kind") == "Status":
                return Listing(refused=answer.get("message") or f"status {answer.get('code')}")
            found += answer.get("items") or ()
            more = (answer.get("metadata") or {}).get("continue")
            if not more:
                return Listing(tuple(found))
            paging = {**paging, "continue": more}

    async def evict(self, namespace: str, name: str) -> str:
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        answer = await self._ask("POST", path, body, form=JSON, fine=_EVICTION_REFUSED)
        return eviction_refusal(answer)


class _ConfiguredApi(_HttpApi):
    """The Kubernetes API, reached as a configuration says."""

    def __init__(self, access: ApiAccess) -> None:
        Requests.__init__(self, access.config, access.config.cluster.server, access.server_name)


def _config(kubeconfig: str, endpoint: Endpoint) -> SingleConfig:
    """Read a kubeconfig, with `endpoint` as its server."""
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ConfigError
    from ruamel.yaml.error import YAMLError

    from kbootstrap.kubeconfig.tree import parse

    try:
        root = parse(kubeconfig).root
        content = root.data() if root else {}
        for cluster in content["clusters"]:
            cluster["cluster"]["server"] = endpoint.url
        config = KubeConfig.from_dict(content).get()
    except (YAMLError, ValueError, RecursionError, ConfigError, TypeError, KeyError, AttributeError):
        config = None
    if config is None:
        raise ApiUnavailable(
            "the server's kubeconfig cannot be read",
            hint="look at it on the server; the service writes it again when it is removed and restarted",
            code="KB0822",
        )
    return config
