"""Findings about a project before anything is created in it; what each cloud looks at is its own.

Every finding is a line of `doctor`, and where it is a problem also a diagnostic at the line of the spec that
causes it. What cannot be looked at is a warning and stops nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kbootstrap.core.diagnostics import Diagnostic, SpecPath, in_order
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.cloud.needs import Flavor, Requirements
from kbootstrap.providers.model import Check
from kbootstrap.spec.model import Cluster, Spec, pool_path

UNITS = {"ram": "MiB", "gigabytes": "GiB"}
TITLES = {
    "instances": "machines",
    "cores": "cores",
    "ram": "memory",
    "volumes": "volumes",
    "gigabytes": "volume storage",
}
"""Resources that machines take, in words; a cloud adds its own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `problem` is what stops `apply`, None where all is well."""

    check: Check
    problem: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """One resource: `limit` is None where there is none, `used` where the cloud does not tell it.

    `known` is False where the cloud told nothing at all.
    """

    name: str
    limit: int | None
    used: int | None
    known: bool = True

    def fits(self, needed: int) -> bool:
        """Return whether so many more are allowed."""
        return self.limit is None or (self.used or 0) + needed <= self.limit


def good(name: str, found: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(Check(name, ok=True, found=found))


def doubtful(name: str, found: str, help_: str = "") -> Finding:
    """Return a warning: it stops nothing."""
    return Finding(Check(name, ok=None, found=found, help=help_))


def bad(name: str, found: str, help_: str, code: str, summary: str, spec: Spec, path: SpecPath) -> Finding:
    """Return a problem at the place of the spec that causes it."""
    reason = f"{name.removeprefix('quota: ').capitalize()}: {found}."
    return Finding(
        Check(name, ok=False, found=found, help=help_),
        Diagnostic(code, reason, f"{help_[0].upper()}{help_[1:]}.", spec.source.value(path), summary=summary),
    )


def refuse(cluster: Cluster, findings: Sequence[Finding], *others: Diagnostic | None) -> None:
    """Raise `SpecInvalid` with everything that stops `apply`; before anything is created."""
    found = [one for one in (*(finding.problem for finding in findings), *others) if one is not None]
    if found:
        raise SpecInvalid(
            f"the cloud cannot make cluster {cluster.name} as the spec says; nothing was made",
            diagnostics=in_order(found),
        )


def flavors(
    spec: Spec,
    cluster: Cluster,
    every: Collection[Requirements],
    known: Mapping[str, Flavor],
    *,
    code: str,
    bastion: SpecPath,
    list_command: str,
) -> Iterator[Finding]:
    """Compare the flavors of all machines with those that the cloud has.

    `bastion` is the place in the spec of a flavor that no pool has, `list_command` shows all flavors. One
    without a disk of its own is a warning where no boot volumes are wanted.
    """
    places: dict[str, SpecPath] = {}
    for pool in (cluster.control_plane, *cluster.pools):
        places.setdefault(pool.flavor or "", (*pool_path(cluster, pool), "flavor"))
    for machine in every:
        places.setdefault(machine.flavor, bastion)
    missing = [name for name in places if name not in known]
    for name in missing:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or sorted(known)[:5]
        help_ = f"there are: {', '.join(near)}; `{list_command}` shows all"
        yield bad("flavors", f"{name} is not there", help_, code, "Flavor not found", spec, places[name])
    small = [name for name, flavor in known.items() if name in places and flavor.disk == 0]
    if small and not any(machine.boot for machine in every):
        help_ = "write `boot_volume: {size_gib: 20}`, or choose a flavor with a disk"
        yield doubtful("flavors", f"{', '.join(small)} has no disk, and no boot volume is wanted", help_)
    elif not missing:
        yield good("flavors", ", ".join(places))


def quota(title: str, unit: str, needed: int, row: Quota) -> Check:
    """Return the line about one quota; not `ok` where the need does not fit."""
    name, amount = f"quota: {title}", f"{needed}{' ' if unit else ''}{unit} more needed"
    if not row.known:
        help_ = "the web interface of the cloud may show it"
        found = f"{amount}; the cloud does not tell the quota"
        return Check(name, ok=None, found=found, help=help_)
    limit = "no limit" if row.limit is None else f"limit {row.limit}"
    found = f"{amount}, {row.used if row.used is not None else '?'} used, {limit}"
    if row.fits(needed):
        return Check(name, ok=True, found=found)
    help_ = f"ask the cloud for more {title}, remove what is not needed, or make the cluster smaller"
    return Check(name, ok=False, found=found, help=help_)


def quotas(
    spec: Spec,
    needed: Mapping[str, int],
    rows: Mapping[str, Quota],
    titles: Mapping[str, str],
    places: Mapping[str, SpecPath],
    *,
    code: str,
) -> Iterator[Finding]:
    """Compare what is needed with what the project may still have; a resource without a row is passed over.

    `places` say where in the spec the need for each resource comes from.
    """
    for name, number in needed.items():
        row, title = rows.get(name), titles[name]
        if row is None:
            continue
        check = quota(title, UNITS.get(name, ""), number, row)
        if check.ok is not False:
            yield Finding(check)
            continue
        summary = f"Quota for {title} is too small"
        yield bad(check.name, check.found, check.help, code, summary, spec, places[name])
