"""Findings about a project before anything is created in it. Each cloud provider runs its own checks.

Every finding is a line of `doctor`. A problem is also a diagnostic at the line of the spec that causes it. A
check that cannot run is a warning and does not stop `apply`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kbootstrap.core.diagnostics import Diagnostic, SpecPath, in_order
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.cloud.needs import Flavor, Requirements
from kbootstrap.providers.model import Check
from kbootstrap.spec.model import Cluster, Spec, flavor_path

UNITS = {"ram": "MiB", "gigabytes": "GiB"}
TITLES = {
    "instances": "machines",
    "cores": "cores",
    "ram": "memory",
    "volumes": "volumes",
    "gigabytes": "volume storage",
}
"""Display names of the resources of machines. Each cloud provider adds its own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `problem` stops `apply`; None if there is none."""

    check: Check
    problem: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """One resource. `limit` is None if there is no limit, `used` if the cloud does not report it.

    `known` is False if the cloud reports neither.
    """

    name: str
    limit: int | None
    used: int | None
    known: bool = True

    def fits(self, needed: int) -> bool:
        """Return whether the limit allows so many more."""
        return self.limit is None or (self.used or 0) + needed <= self.limit


def good(name: str, found: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(Check(name, ok=True, found=found))


def warning(name: str, found: str, help_: str = "") -> Finding:
    """Return a warning; it does not stop `apply`."""
    return Finding(Check(name, ok=None, found=found, help=help_))


def bad(name: str, found: str, help_: str, code: str, summary: str, spec: Spec, path: SpecPath) -> Finding:
    """Return a problem at the spec path that causes it."""
    reason = f"{name.removeprefix('quota: ').capitalize()}: {found}."
    return Finding(
        Check(name, ok=False, found=found, help=help_),
        Diagnostic(code, reason, f"{help_[0].upper()}{help_[1:]}.", spec.source.value(path), summary=summary),
    )


def refuse(cluster: Cluster, findings: Sequence[Finding], *others: Diagnostic | None) -> None:
    """Raise `SpecInvalid` with all problems, before anything is created."""
    found = [one for one in (*(finding.problem for finding in findings), *others) if one is not None]
    if found:
        raise SpecInvalid(
            f"the cloud cannot create cluster {cluster.name} as specified; nothing was created",
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

    `bastion` is the spec path for a flavor that no pool uses, `list_command` lists all flavors. A flavor
    without a disk is a warning if there are no boot volumes.
    """
    places: dict[str, SpecPath] = {}
    for pool in (cluster.control_plane, *cluster.pools):
        for index, name in enumerate(pool.flavors or ("",)):
            places.setdefault(name, flavor_path(spec, cluster, pool, index))
    for machine in every:
        places.setdefault(machine.flavor, bastion)
    missing = [name for name in places if name not in known]
    for name in missing:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or sorted(known)[:5]
        help_ = f"available: {', '.join(near)}; `{list_command}` lists all"
        yield bad("flavors", f"{name} does not exist", help_, code, "Flavor not found", spec, places[name])
    small = [name for name, flavor in known.items() if name in places and flavor.disk == 0]
    if small and not any(machine.boot for machine in every):
        help_ = "set `boot_volume: {size_gib: 20}`, or choose a flavor with a disk"
        yield warning("flavors", f"{', '.join(small)} has no disk, and no boot volume is set", help_)
    elif not missing:
        yield good("flavors", ", ".join(places))


def quota(title: str, unit: str, needed: int, row: Quota) -> Check:
    """Return the check of one quota; not `ok` if the needed amount exceeds it."""
    name, amount = f"quota: {title}", f"{needed}{' ' if unit else ''}{unit} more needed"
    if not row.known:
        help_ = "the web interface of the cloud may show it"
        found = f"{amount}; the cloud does not report the quota"
        return Check(name, ok=None, found=found, help=help_)
    limit = "no limit" if row.limit is None else f"limit {row.limit}"
    found = f"{amount}, {row.used if row.used is not None else '?'} used, {limit}"
    if row.fits(needed):
        return Check(name, ok=True, found=found)
    help_ = f"request a larger quota for {title}, delete unused resources, or make the cluster smaller"
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
    """Compare the needed amounts with the quotas of the project. A resource without a row is skipped.

    `places` has the spec path that causes the need for each resource.
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
