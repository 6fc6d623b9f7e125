"""One request to the Kubernetes API at a time: sent, answered as JSON, refused or failed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kbootstrap import distros
from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.cluster.deadlines import REQUEST

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

FIELD_MANAGER = "kbootstrap"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
"""Kinds of patches (Kubernetes: "API concepts"); the second makes what is not there, and JSON is YAML."""
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Server and identity from a kubeconfig. `server_name` is the kubeconfig's `tls-server-name`, or None."""

    config: SingleConfig
    server_name: str | None = None


class Requests:
    """The base of clients: `config` has server and identity, `url` names the API in messages.

    `server_name` is the name by which the certificate is verified; None: that of the server.
    """

    def __init__(self, config: SingleConfig, url: str, server_name: str | None = None) -> None:
        import httpx2
        from lightkube.config.client_adapter import AsyncClient, ConnectionParams

        self._url = url
        self._failures = (httpx2.HTTPError, OSError)
        params = ConnectionParams(timeout=httpx2.Timeout(REQUEST), trust_env=False)
        self._client = AsyncClient(config, params)
        # httpcore verifies the certificate by this name instead of the host's (its extension `sni_hostname`).
        self._extensions = {"sni_hostname": server_name} if server_name else {}

    async def ready(self) -> bool:
        """Return whether `/readyz` succeeds."""
        try:
            answer = await self._client.get("/readyz", extensions=self._extensions)
        except self._failures:
            return False
        return answer.status_code == HTTPStatus.OK

    async def close(self) -> None:
        """Close the connections; never raises."""
        with contextlib.suppress(*self._failures):
            await self._client.aclose()

    async def _ask(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: str = MERGE,
        fine: Collection[HTTPStatus] = (),
        **params: str,
    ) -> dict[str, Any]:
        """Send one request and return its answer; for a status in `fine`, an object of kind `Status`."""
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
            f"the Kubernetes API at {self._url} does not answer correctly",
            hint=f"look at the service on a server: journalctl {', or '.join(_units())}",
            detail=detail,
            code="KB0817",
        )


def _units() -> list[str]:
    """Return the `journalctl` options for the service of a server, one for each distribution."""
    return [f"-u {one.unit('server').removesuffix('.service')}" for one in distros.every()]
