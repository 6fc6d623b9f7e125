"""Schema validation: jsonschema finds the errors, and this module describes them in terms of YAML."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.spec import flaw, formats, schema_messages, schemas
from kbootstrap.spec.schema_messages import Failure
from kbootstrap.spec.source_map import SourceMap

_Check = Callable[[str], flaw.Flaw | None]
_Validator = Callable[[schemas.Schema], Any]
"""Creates jsonschema's validator of a schema."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnostic, and the path of the value to remove so that further checks can continue.

    `missing` is a required key that the map at `path` lacks.
    """

    diagnostic: Diagnostic
    path: SpecPath
    missing: str | None = None


def check(data: schemas.Json, source: SourceMap) -> tuple[Problem, ...]:
    """Return all violations of the schemas in the resolved data."""
    found = list(_problems(data, schemas.spec(), source, ()))
    if not isinstance(data, dict):
        return tuple(found)
    places: list[tuple[SpecPath, Any]] = [(("defaults",), data.get("defaults"))]
    clusters = data.get("clusters")
    if isinstance(clusters, dict):
        places += [(("clusters", name), cluster) for name, cluster in clusters.items()]
    for path, cluster in places:
        chosen = cluster.get("provider") if isinstance(cluster, dict) else None
        if isinstance(chosen, dict):
            for name, settings in chosen.items():
                found += _provider(name, settings, (*path, "provider", name), source)
    return tuple(found)


def check_against(data: schemas.Json, schema: schemas.Schema, source: SourceMap) -> tuple[Diagnostic, ...]:
    """Return all violations of one schema, for other files than specs."""
    return tuple(problem.diagnostic for problem in _problems(data, schema, source, ()))


def _provider(name: str, settings: schemas.Json, path: SpecPath, source: SourceMap) -> Iterator[Problem]:
    known = schemas.providers()
    if name in known:
        yield from _problems(settings, schemas.provider(name), source, path)
        return
    meant = flaw.close(name, known)
    yield Problem(
        Diagnostic(
            "KB0208",
            f"There is no provider {flaw.quote(name)}.",
            f"Did you mean `{meant}`?" if meant else f"There are: {', '.join(known)}.",
            source.key(path),
        ),
        path,
    )


def _problems(
    data: schemas.Json, schema: schemas.Schema, source: SourceMap, base: SpecPath
) -> Iterator[Problem]:
    failures = list(_validator()(schema).iter_errors(data))
    mistyped = {tuple(error.absolute_path) for error in failures if error.validator == "type"}
    for error in failures:
        # A value of the wrong type is not also reported as out of bounds.
        if error.validator == "type" or tuple(error.absolute_path) not in mistyped:
            yield from _explain(error, source, base)


def _explain(error: Failure, source: SourceMap, base: SpecPath) -> Iterator[Problem]:
    path: SpecPath = (*base, *error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        inner = (*path, str(error.instance))
        yield Problem(
            schema_messages.malformed(str(error.instance), error.validator_value, source.key(inner)), inner
        )
    elif error.validator == "additionalProperties":
        known = tuple(error.schema["properties"])
        for key in error.instance:
            if key not in known and not (path == () and key.startswith("x-")):
                inner = (*path, key)
                unused = tuple(k for k in known if k not in error.instance)
                yield Problem(schema_messages.unknown_key(key, known, unused, source.key(inner), path), inner)
    elif error.validator in {"required", "x-required", "x-one-of"}:
        yield from _missing(error, source, path)
    elif error.validator in {"anyOf", "oneOf"}:
        yield from _alternatives(error, source, base, path)
    elif error.validator == "pattern" and "format" in error.schema:
        return  # For editors only; the format check gives a better message.
    else:
        # error.schema is the target of a `$ref`, without its parent: sufficient for all messages.
        yield Problem(schema_messages.unfit(error, source.value(path), path), path)


def _missing(error: Failure, source: SourceMap, path: SpecPath) -> Iterator[Problem]:
    if path[:1] == ("defaults",) and error.validator != "required":
        return
    properties = error.schema["properties"]
    unknown = [key for key in error.instance if key not in properties]
    names = error.validator_value
    missing = [name for name in names if name not in error.instance]
    if error.validator == "x-one-of":
        missing = [] if any(name in error.instance for name in names) else [names[0]]
    for name in missing:
        misspelt = any(flaw.close(key, tuple(properties)) in names for key in unknown)
        if misspelt and any(flaw.close(key, tuple(properties)) == name for key in unknown):
            continue
        if misspelt and error.validator == "x-one-of":
            continue
        span = source.value(path) if not path or isinstance(path[-1], int) else source.key(path)
        wanted = schemas.resolve(properties[name])
        yield Problem(schema_messages.missing_key(name, wanted, span, path), path, name)


def _alternatives(error: Failure, source: SourceMap, base: SpecPath, path: SpecPath) -> Iterator[Problem]:
    """Explain the only alternative of the right type, else list the types of all alternatives."""
    branches: dict[int, list[Failure]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [
        inner for inner in branches.values() if not any(e.validator == "type" and not e.path for e in inner)
    ]
    if len(fitting) == 1:
        for inner in fitting[0]:
            yield from _explain(inner, source, base)
        return
    types = [schemas.resolve(branch).get("type", "") for branch in error.validator_value]
    yield Problem(schema_messages.wrong_type(error, types, source.value(path), path), path)


@functools.cache
def _validator() -> _Validator:
    """Return jsonschema's draft-07 validator with custom keywords and formats; imported on first use."""
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    for name, function in formats.FORMATS.items():
        checker.checks(name)(functools.partial(_is_good, function))

    def required(_: object, names: list[str], instance: object, _schema: object) -> Iterator[Failure]:
        if isinstance(instance, dict) and any(name not in instance for name in names):
            yield jsonschema.ValidationError("missing")

    def once(_: object, names: list[str], instance: object, _schema: object) -> Iterator[Failure]:
        if isinstance(instance, dict) and not any(name in instance for name in names):
            yield jsonschema.ValidationError("missing")

    def minimum(_: object, limit: float, instance: object, _schema: object) -> Iterator[Failure]:
        if isinstance(instance, int | float) and not instance >= limit:  # also `.nan`
            yield jsonschema.ValidationError("too small")

    keywords = {"required": required, "x-required": required, "x-one-of": once, "minimum": minimum}
    extended = jsonschema.validators.extend(jsonschema.Draft7Validator, keywords)  # type: ignore[no-untyped-call]
    return functools.partial(extended, format_checker=checker)


def _is_good(function: _Check, value: object) -> bool:
    return not isinstance(value, str) or function(value) is None
