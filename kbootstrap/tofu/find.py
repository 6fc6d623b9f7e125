"""Finds OpenTofu or Terraform on this machine, and checks its version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.process import Runner
from kbootstrap.tofu.environment import environment

VARIABLE = "KBOOTSTRAP_TOFU"
"""Environment variable that names the program to use, like `--tofu`."""

OLDEST = {"OpenTofu": (1, 6, 0), "Terraform": (1, 5, 0)}
"""What the modules need: `terraform_data` with `triggers_replace`, `check` blocks, `moved` across modules."""

_PULL = "kbootstrap artifacts pull tofu"
_HINT = f"run `{_PULL}`, or install OpenTofu >= 1.6 or Terraform >= 1.5, or name it with --tofu or {VARIABLE}"


@dataclass(frozen=True, slots=True)
class Binary:
    """A program that was found: `product` is `OpenTofu` or `Terraform`.

    `unusable` says what is wrong with those that come before it and cannot be used.
    """

    path: Path
    product: str
    version: tuple[int, int, int]
    unusable: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.version))}"


async def find(runner: Runner, env: Mapping[str, str], cache: Path, explicit: str | None = None) -> Binary:
    """Return the program to use: `explicit` (`--tofu`), else the variable, else PATH, else the cache.

    On PATH `tofu` is preferred to `terraform`; one that does not run, is something else or is too old is
    passed over when another is there. Raises `PrerequisiteMissing` (KB0503, KB0504) and says what was found
    and what is needed.
    """
    named = explicit or env.get(VARIABLE)
    if named:
        places = [_file(Path(named))] if "/" in named else [*map(_file, runner.places(named))]
        if not any(places):
            source = "--tofu" if explicit else VARIABLE
            raise PrerequisiteMissing(
                f"{source} names {named}, which is not there", hint=_HINT, code="KB0503"
            )
        return await _first(places, runner, env, cache)
    on_path = (*runner.places("tofu"), *runner.places("terraform"))
    return await _first([*map(_file, on_path), _file(cache / "bin" / "tofu")], runner, env, cache)


async def _first(
    places: Iterable[Path | None], runner: Runner, env: Mapping[str, str], cache: Path
) -> Binary:
    problems: list[PrerequisiteMissing] = []
    for place in filter(None, places):
        try:
            found = _new_enough(await identify(place, runner, env, cache))
        except PrerequisiteMissing as error:
            problems.append(error)
        else:
            return replace(found, unusable=tuple(problem.message for problem in problems))
    if len(problems) == 1:
        raise problems[0]
    if problems:
        message = "; ".join(problem.message for problem in problems)
        raise PrerequisiteMissing(message, hint=_HINT, code=problems[0].code)
    raise PrerequisiteMissing("neither OpenTofu nor Terraform is on this machine", hint=_HINT, code="KB0503")


def _file(path: Path | None) -> Path | None:
    return path.absolute() if path and path.is_file() else None


async def identify(path: Path, runner: Runner, env: Mapping[str, str], cache: Path) -> Binary:
    """Run a program to get its product and version.

    The plain output is read, because `version -json` of both says `terraform_version` and not which it is.
    """
    try:
        done = await runner.run([str(path), "version"], deadline=30, env=environment(env, cache))
    except KbootstrapError as error:
        raise PrerequisiteMissing(
            f"{path} does not run: {error.message}", hint=_HINT, detail=error.detail, code="KB0503"
        ) from error
    match = re.search(r"^(OpenTofu|Terraform) v(\d+)\.(\d+)\.(\d+)", done.stdout, re.MULTILINE)
    if not match:
        raise PrerequisiteMissing(
            f"{path} is neither OpenTofu nor Terraform", hint=_HINT, detail=done.tail, code="KB0503"
        )
    product, *version = match.groups()
    return Binary(path, product, (int(version[0]), int(version[1]), int(version[2])))


def _new_enough(binary: Binary) -> Binary:
    oldest = OLDEST[binary.product]
    if binary.version < oldest:
        needed = ".".join(map(str, oldest[:2]))
        raise PrerequisiteMissing(
            f"{binary} at {binary.path} is too old: {needed} or newer is needed", hint=_HINT, code="KB0504"
        )
    return binary
