"""Quantities of Kubernetes (500m, 1.5Gi), and the sizes of flavors."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources

_NUMBER = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([A-Za-z]{0,2})", re.ASCII)
_CPU = {"": Decimal(1000), "m": Decimal(1)}
_MEMORY = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_NAMED = re.compile(r"[a-z]+(\d{1,3})-ram(\d{1,4})(?:-.*)?", re.ASCII)
"""Flavors whose name has their size, as with Infomaniak: a4-ram16-disk50-perf1."""


@dataclass(frozen=True, slots=True)
class Size:
    """Processors in millicores and memory in bytes: of a flavor, or of what a pod requests."""

    cpu: int
    memory: int


def cpu(text: str) -> int | None:
    """Return a quantity of processors in millicores (`2`, `0.5`, `500m`), rounded up; None if invalid."""
    return _scaled(text, _CPU)


def memory(text: str) -> int | None:
    """Return a quantity of memory in bytes (`512Mi`, `1Gi`, `1G`), rounded up; None if invalid."""
    return _scaled(text, _MEMORY)


def size(text: str) -> Size | None:
    """Return a size from `CPU/MEMORY`, such as `4/16Gi`; None if invalid."""
    left, slash, right = text.partition("/")
    processors, amount = cpu(left), memory(right)
    return Size(processors, amount) if slash and processors is not None and amount is not None else None


def of_flavor(name: str) -> Size | None:
    """Return the size of a flavor that is known, or whose name has it."""
    if name in _known():
        return _known()[name]
    found = _NAMED.fullmatch(name)
    return Size(int(found[1]) * 1000, int(found[2]) * 2**30) if found else None


@cache
def _known() -> dict[str, Size]:
    text = resources.files(__package__).joinpath("flavors.toml").read_text("utf-8")
    sizes = {name: size(written) for name, written in tomllib.loads(text).items()}
    return {name: found for name, found in sizes.items() if found}


def _scaled(text: str, units: dict[str, Decimal] | dict[str, int]) -> int | None:
    found = _NUMBER.fullmatch(text.strip())
    if found is None or found[2] not in units:
        return None
    exact = Decimal(found[1]) * units[found[2]]
    return int(exact) + (exact % 1 > 0)
