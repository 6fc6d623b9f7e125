"""Quantities of Kubernetes ("100m", "1Gi") as numbers. Source: Kubernetes, "Quantity"."""

from __future__ import annotations

import re

_FORM = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def quantity(text: str) -> float:
    """Return the number of a quantity. ValueError for other texts."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no quantity")
    number, unit = float(match[1]), match[2] or ""
    if unit in _BINARY:
        return number * float(2 ** _BINARY[unit])
    if unit in _DECIMAL:
        return number * 10.0 ** _DECIMAL[unit]
    return number * 10.0 ** int(unit[1:])
