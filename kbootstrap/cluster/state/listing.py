"""A list of objects as the Kubernetes API gave it, or its refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects of one kind. `refused` is the reason if they could not be read; then there are none."""

    items: tuple[Mapping[str, Any], ...] = ()
    refused: str = ""
