"""A command's output in bounded memory: the beginning and the end are kept, the middle is dropped."""

from __future__ import annotations

KEPT = 4 * 1024 * 1024
"""Bytes kept of the beginning, and the same number of the end. Facts of a node are a few kilobytes."""


class Bounded:
    """Collects bytes; in `text`, a line replaces the dropped part."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append bytes."""
        room = self._kept - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room else data
        if len(self._tail) > 2 * self._kept:
            self._trim()

    @property
    def dropped(self) -> int:
        """The number of bytes that are missing from the middle of `text`."""
        self._trim()
        return self._dropped

    @property
    def text(self) -> str:
        """The collected bytes, decoded; invalid UTF-8 is replaced."""
        self._trim()
        middle = f"\n[… {self._dropped} bytes left out …]\n".encode() if self._dropped else b""
        return (bytes(self._head) + middle + bytes(self._tail)).decode("utf-8", "replace")

    def _trim(self) -> None:
        surplus = len(self._tail) - self._kept
        if surplus > 0:
            del self._tail[:surplus]
            self._dropped += surplus
