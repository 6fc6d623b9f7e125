"""The gRPC server: mutual TLS, one handler for each call, metrics of calls, and refusals as gRPC status."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import grpc

from kbootstrap.autoscaler.metrics import Metrics
from kbootstrap.autoscaler.model import Notice
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.service import Service
from kbootstrap.autoscaler.tls import Files
from kbootstrap.autoscaler.wire import Message
from kbootstrap.autoscaler.wire.messages import SERVICE, methods
from kbootstrap.core.errors import PrerequisiteMissing

_GRACE = 2.0
"""Seconds for calls that run when the server stops: each is answered from memory."""
_QUIET = frozenset({"UNIMPLEMENTED", "UNAVAILABLE"})
"""Refusals that are no Event: the first is an answer of the contract, the second the state of this server."""
_LONGEST = 1000
"""Letters of a refusal. gRPC sends them in a header, and clients refuse an answer with more than 8 KiB."""
_Context = Any
"""gRPC's context of a call (`grpc.aio.ServicerContext`)."""
_Certificates = Any
"""gRPC's certificate configuration, which has no public type."""
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the same port is an error, not a competitor
    ("grpc.max_receive_message_length", 4 * 2**20),
)


class Server:
    """Serves one `Service`. `available` returns why no call can be answered now; empty: it can."""

    def __init__(
        self,
        service: Service,
        files: Files,
        metrics: Metrics,
        report: Callable[[Notice], None],
        available: Callable[[], str],
    ) -> None:
        self._service, self._files, self._metrics = service, files, metrics
        self._report, self._available = report, available
        self._server: Any = None

    async def start(self, address: str) -> int:
        """Listen, and return the port. Raises `PrerequisiteMissing`."""
        self._server = grpc.aio.server(options=_OPTIONS)
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                partial(self._answer, name),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            for name, (request, response) in methods().items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        try:
            port = int(self._server.add_secure_port(address, credentials(self._files)))
        except RuntimeError as error:
            port = 0
            detail = str(error)
        else:
            detail = ""
        if not port:
            raise PrerequisiteMissing(
                f"cannot listen on {address}",
                hint="another server may use the port; `listen` of the configuration names another address",
                detail=detail,
                code="KB1404",
            )
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Close all connections; calls that run are answered."""
        if self._server is not None:
            await self._server.stop(_GRACE)

    async def _answer(self, name: str, request: Message, context: _Context) -> Message:
        begun, status, said = time.perf_counter(), "OK", ""
        try:
            if reason := self._available():
                raise Refusal("UNAVAILABLE", "NotAvailable", reason)
            return await self._service.answers[name](request)
        except Refusal as refusal:
            status, said = refusal.status, f"{refusal.message} ({refusal.reason})"
            self._metrics.refused(refusal.reason)
            if status not in _QUIET:
                group = getattr(request, "id", "")
                self._report(Notice(refusal.reason, f"{name}: {refusal.message}", group, warning=True))
        except Exception as error:
            status, said = "INTERNAL", f"a bug: {type(error).__name__}"
            self._report(Notice("Bug", f"{name}: {type(error).__name__}: {error}", warning=True))
        finally:
            self._metrics.answered(name, status, time.perf_counter() - begun)
        return await context.abort(getattr(grpc.StatusCode, status), said[:_LONGEST])


def credentials(files: Files) -> grpc.ServerCredentials:
    """Return credentials that require a client certificate, and read changed files at the next connection."""

    def configuration() -> _Certificates:
        pair = files.pair
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)], pair.authority)

    def fetch() -> _Certificates | None:
        """Return a new configuration, or None for the current one. Called from a thread of gRPC."""
        return configuration() if files.reload() else None

    # grpc-stubs do not know that None is allowed.
    return grpc.dynamic_ssl_server_credentials(
        configuration(), cast("Any", fetch), require_client_authentication=True
    )
