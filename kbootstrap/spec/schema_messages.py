"""The messages of the schema validation: types, values and keys in terms of YAML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, Span, SpecPath, show_path
from kbootstrap.spec import flaw, formats
from kbootstrap.spec.flaw import quote
from kbootstrap.spec.schemas import Schema

Failure = Any
"""A `ValidationError` of jsonschema; its published types leave every attribute open."""

_TYPES = {
    "object": "a map",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_SECRET = {"passphrase", "credentials", "private_key", "client_key"}
_MAY_BE_SECRET = {"env-name", "url", "mirror", "public-key", "registry-host"}
"""Formats whose invalid values are not shown, because they may be secrets."""
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def type_name(name: str) -> str:
    """Return a JSON type in terms of YAML."""
    return _TYPES.get(name, "something else")


def found(value: object) -> str:
    """Return the description of a value in terms of YAML."""
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return f"the word {str(value).lower()} (true or false)"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"the string {quote(value)}"
    return "a list" if isinstance(value, list) else "a map"


def inline(value: object) -> str:
    """Return a value as short YAML, for examples."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, str):
        needs = (
            value == "" or value[0] in "*&!%@`'\"[{#|>?-:" or any(s in value for s in (": ", " #", ",", "*"))
        )
        return json.dumps(value) if needs else value
    return json.dumps(value)


def raw(span: Span | None) -> str:
    """Return the text of the file at a span."""
    return span.text[span.column - 1 : span.end_column - 1].strip() if span else ""


def place(path: SpecPath) -> str:
    """Return the name of a map for a sentence."""
    return f"`{show_path(path)}`" if path else "the spec"


def unknown_key(
    key: str, known: Sequence[str], unused: Sequence[str], span: Span | None, path: SpecPath
) -> Diagnostic:
    """Return the diagnostic for an unknown key; suggestions prefer keys that are not in use yet."""
    meant = flaw.close(key, list(unused)) or flaw.close(key, list(known))
    where = show_path(_general(path))
    help_ = f"Did you mean `{meant}`?" if meant else f"There are: {', '.join(known)}." if known else ""
    if key == "renamed_from":
        help_ = (
            "Only pools can be renamed. A cluster's name is in its nodes' names and in its certificates: "
            "keep it, or make a new cluster beside it and move the work."
        )
    return Diagnostic(
        "KB0201",
        f"There is no key {quote(key)} in `{where}`." if where else f"There is no key {quote(key)}.",
        help_,
        span,
    )


def missing_key(name: str, schema: Schema, span: Span | None, path: SpecPath) -> Diagnostic:
    """Return the diagnostic for a missing key, with an example."""
    examples = schema.get("examples", ())
    example = f"{name}: {inline(examples[0])}" if examples else f"{name}: …"
    where = show_path(_general(path))
    subject = f"`{where}`" if where else "The file"
    reason = f"{subject} needs `{name}`: {_first(schema)}"
    return Diagnostic(
        "KB0204",
        reason,
        f"Write `{example}`.",
        span,
        f"`{name}` is missing",
    )


def wrong_type(error: Failure, types: Sequence[str], span: Span | None, path: SpecPath) -> Diagnostic:
    """Return the diagnostic for a wrong type, without the text of values that may be secrets."""
    value, key = error.instance, _key(path)
    expected = " or ".join(type_name(name) for name in types)
    secret = isinstance(value, str) and key in _SECRET
    what = f"An item of `{key}`" if path and isinstance(path[-1], int) else f"`{key}`" if path else "A spec"
    reason = f"{what} must be {expected}, and here is {'a string' if secret else found(value)}."
    if secret:
        reason += " Secrets must not be in the spec."
    example = next(iter(error.schema.get("examples", ())), None)
    written = raw(span)
    help_ = _type_help(value, types, key, written)
    if value is None and example is not None and not (path and isinstance(path[-1], int)):
        help_ = f"Write a value, such as `{key}: {inline(example)}`, or delete the key."
    elif value is None and path and isinstance(path[-1], int):
        help_ = "Write the item after the `-`, or delete the `-`."
    elif types == ["string"] and isinstance(value, int | float):
        fault = formats.fault(written, error.schema.get("format"))
        help_ = fault.help if fault else help_  # in quotes it would be wrong too
    if "object" in types and value is not None and isinstance(example, dict):
        help_ = f"Write a map, such as `{inline(example)}`."
    shown = masked(span) if secret else span
    return Diagnostic("KB0202", reason, help_, shown, f"expected {expected}")


def masked(span: Span | None) -> Span | None:
    """Mask the text of a span in its own snippet, because it may be a misplaced secret."""
    if span is None:
        return None
    before, after = span.text[: span.column - 1], span.text[span.end_column - 1 :]
    return replace(span, text=f"{before}{'*' * (span.end_column - span.column)}{after}")


def _type_help(  # noqa: PLR0911 - one line of help for each mistake
    value: object, types: Sequence[str], key: str, written: str
) -> str:
    if value is None:
        if "object" in types:
            return f"Write `{key}: {{}}` for an empty map, indent its keys below, or delete the key."
        return "Write a value after the key, or delete the key."
    if "boolean" in types and isinstance(value, str) and value.lower() in _YES_NO:
        return f"YAML 1.2 knows only true and false: write `{_YES_NO[value.lower()]}`."
    if "boolean" in types and isinstance(value, str) and value.lower() in {"true", "false"}:
        return f"Delete the quotes: `{value.lower()}`."
    if "string" in types and isinstance(value, bool | int | float) and written:
        return f'Without quotes YAML reads a number, true or false: write `"{written}"`.'
    if {"integer", "number"} & set(types) and isinstance(value, str) and value.strip().isdecimal():
        return f"Delete the quotes: `{value.strip()}`."
    if "array" in types and not isinstance(value, dict):
        return f"Put it in brackets: `[{written}]`." if written else "Begin each item with `- `."
    if "array" in types:
        return "Begin each item with `- `."
    if "object" in types:
        return "Write `key: value` lines below it, indented."
    return f"Write {' or '.join(type_name(name) for name in types)}."


def malformed(value: str, format_: str, span: Span | None) -> Diagnostic:
    """Return the diagnostic for invalid syntax of a value."""
    fault = formats.fault(value, format_)
    if format_ in _MAY_BE_SECRET:
        span = masked(span)
    if fault is None:
        return Diagnostic("KB0210", f"{quote(value)} is not allowed here.", "", span)
    return Diagnostic(fault.code, fault.reason, fault.help, span, summary=fault.summary)


def unfit(  # noqa: PLR0911 - one diagnostic for each keyword of the schema
    error: Failure, span: Span | None, path: SpecPath
) -> Diagnostic:
    """Return the diagnostic for one invalid value; `error` is jsonschema's error for a single keyword."""
    value, limit, key = error.instance, error.validator_value, _key(path)
    match error.validator:
        case "type":
            types = [limit] if isinstance(limit, str) else list(limit)
            return wrong_type(error, types, span, path)
        case "format":
            return malformed(value, limit, span)
        case "enum" | "const":
            return _wrong_value(value, limit if isinstance(limit, list) else [limit], span, key)
        case "minimum" | "maximum":
            least = error.validator == "minimum"
            reason = (
                f"`{key}` is {quote(raw(span) or str(value))}, and the {'smallest' if least else 'largest'} "
                f"that it may be is {limit}."
            )
            return Diagnostic(
                "KB0205",
                reason,
                f"Write {limit} or {'more' if least else 'less'}.",
                span,
                summary="Number too small" if least else "Number too large",
            )
        case "minLength":
            return Diagnostic(
                "KB0211",
                f"`{key}` must not be empty.",
                f"Write a value, or delete `{key}`.",
                span,
            )
        case "minItems":
            return Diagnostic(
                "KB0206",
                f"`{key}` needs at least {limit} item{'s' if limit > 1 else ''}.",
                "Write one, or delete the key.",
                span,
                summary="List is too short",
            )
        case "uniqueItems":
            double = next((item for index, item in enumerate(value) if item in value[:index]), "")
            return Diagnostic(
                "KB0206",
                f"{quote(inline(double))} appears twice in `{key}`.",
                "Delete one of them.",
                span,
                summary="Written twice in a list",
            )
        case "minProperties" | "maxProperties":
            return _choice(error, span, key)
    return Diagnostic(
        "KB0210",
        f"`{key}` cannot have this value.",
        f"See `kbootstrap explain {show_path(_general(path))}`.",
        span,
    )


def _wrong_value(value: object, allowed: Sequence[Any], span: Span | None, key: str) -> Diagnostic:
    meant = flaw.close(value, [str(a) for a in allowed]) if isinstance(value, str) else None
    if meant is not None or len(allowed) == 1:
        help_ = f"Did you mean `{meant or allowed[0]}`?" if meant else f"Write `{allowed[0]}`."
    else:
        help_ = f"Write one of: {', '.join(str(a) for a in allowed)}."
    shown = quote(inline(value))
    return Diagnostic(
        "KB0203",
        f"{shown} is not a value of `{key}`; there are: {', '.join(str(a) for a in allowed)}.",
        help_,
        span,
    )


def _choice(error: Failure, span: Span | None, key: str) -> Diagnostic:
    names = list(error.schema.get("properties", ()))
    what = error.schema.get("x-value")
    of = f" of {', '.join(names)}" if names else f" key, {what}" if what else ""
    written = ", ".join(str(name) for name in error.instance) or "none"
    if error.validator == "minProperties" and "maxProperties" not in error.schema:
        return Diagnostic(
            "KB0207", f"`{key}` needs at least one entry{of}.", "Write one.", span, summary="Map is empty"
        )
    return Diagnostic(
        "KB0207",
        f"`{key}` needs exactly one{of}; here: {written}.",
        _example(error.schema, key),
        span,
    )


def _example(schema: Schema, key: str) -> str:
    examples = schema.get("examples", ())
    return f"Write one, such as `{key}: {inline(examples[0])}`." if examples else "Write one."


def _first(schema: Schema) -> str:
    text = str(schema.get("description", ""))
    return text[:1].lower() + text[1:].split(". ", maxsplit=1)[0].rstrip(".") + "." if text else ""


def _key(path: SpecPath) -> str:
    names = [part for part in path if isinstance(part, str)]
    return names[-1] if names else "the spec"


def _general(path: SpecPath) -> SpecPath:
    """Remove names and list indexes, so that a problem in `defaults` has the same text for all clusters."""
    if path[:1] == ("defaults",):
        path = path[1:] or ("cluster",)
    elif path[:1] == ("clusters",) and len(path) > 1:
        path = path[2:] or ("cluster",)
    return tuple(part for part in path if isinstance(part, str))
