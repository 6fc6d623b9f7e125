"""Requests that the server refuses. Each has a gRPC status, and a reason that becomes an Event."""

from __future__ import annotations

from typing import Literal

Status = Literal["NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAVAILABLE", "UNIMPLEMENTED"]
"""Names of gRPC status codes."""


class Refusal(Exception):
    """A refused request; nothing has changed. `reason` is CamelCase, `message` a sentence for people."""

    def __init__(self, status: Status, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
