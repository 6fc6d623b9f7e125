"""Resolves plain scalars by the core schema of YAML 1.2 (section 10.3.2): no `yes`, `on` or dates."""

from __future__ import annotations

import re

Plain = str | int | float | bool | None

_WORDS: dict[str, Plain] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# 18 digits are more than any setting needs and always fit; longer numbers are read as floats.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

CORE = "tag:yaml.org,2002:"


def plain(text: str) -> Plain:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "").lower()) if _SPECIAL.fullmatch(text) else text


def tagged(text: str, tag: str) -> Plain:
    """Return the value of a scalar with a core tag (`!!str 1.30`); ValueError if the value does not match."""
    if tag == f"{CORE}str":
        return text
    value = plain(text)
    kinds = {f"{CORE}int": int, f"{CORE}bool": bool, f"{CORE}null": type(None), f"{CORE}float": float}
    if tag == f"{CORE}float" and type(value) is int:
        return float(value)
    if tag not in kinds or type(value) is not kinds[tag]:
        raise ValueError(tag)
    return value
