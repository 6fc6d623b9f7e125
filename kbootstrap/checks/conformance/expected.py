"""What a setting is expected to be, and what to set it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["one_of", "not", "has", "lacks", "set", "unset", "least", "within"]
Values = Sequence[str] | None
"""The values of a setting in their order; None: it is not set and has no default."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expectation: of the items of a list (`has`, `lacks`, `within`), otherwise of the last value."""

    kind: Kind
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, values: Sequence[str]) -> Expectation:
        """Return an expectation of data; `ValueError` for a kind that there is not."""
        if kind not in _MET:
            raise ValueError(f"there is no expectation '{kind}'")
        return cls(cast("Kind", kind), tuple(values))

    def met(self, found: Values) -> bool:
        """Return whether a setting is as expected."""
        return _MET[self.kind](self.values, found)

    def target(self, found: Values) -> str:
        """Return a value that is as expected; empty if any value is, or none."""
        if self.kind in ("one_of", "least"):
            return self.values[0]
        if self.kind == "has":
            return ",".join([*items(found), self.values[0]])
        return ",".join(self.values) if self.kind == "within" else ""

    def __str__(self) -> str:
        return _WORDS[self.kind].format(" or ".join(f"`{one}`" for one in self.values))


def items(found: Values) -> tuple[str, ...]:
    """Return the items of a list that is divided by commas, and may be given in several parts."""
    return tuple(item.strip() for part in found or () for item in part.split(",") if item.strip())


def _last(found: Values) -> str:
    return found[-1] if found else ""


def _least(values: Sequence[str], found: Values) -> bool:
    last = _last(found)
    return last.lstrip("-").isdecimal() and int(last) >= int(values[0])


_MET: Mapping[str, Callable[[Sequence[str], Values], bool]] = {
    "one_of": lambda values, found: _last(found) in values,
    "not": lambda values, found: _last(found) not in values,
    "has": lambda values, found: values[0] in items(found),
    "lacks": lambda values, found: values[0] not in items(found),
    "set": lambda _, found: bool(_last(found)),
    "unset": lambda _, found: found is None,
    "least": _least,
    "within": lambda values, found: bool(items(found)) and set(items(found)) <= set(values),
}
_WORDS: Mapping[str, str] = {
    "one_of": "{}",
    "not": "not {}",
    "has": "contains {}",
    "lacks": "does not contain {}",
    "set": "is set",
    "unset": "is not set",
    "least": "at least {}",
    "within": "strong ciphers only",
}
