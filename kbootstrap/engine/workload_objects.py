"""Reads the objects that the rules for workloads need from the Kubernetes API, by namespace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kbootstrap.checks.workloads.objects import KINDS, Namespace, by_namespace, named
from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import CredentialsRefused, WrongUsage

OWN = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces of every Kubernetes: their contents belong to the distribution and to add-ons."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces to read: `names`; without names all but Kubernetes' own, with `everything` all."""

    names: tuple[str, ...] = ()
    everything: bool = False


async def read_namespaces(api: Api, scope: Scope, installed: Iterable[str] = ()) -> tuple[Namespace, ...]:
    """Return the namespaces with their objects; what may not be read is in them as refused.

    `installed` are further namespaces of the distribution (`Distribution.namespaces`).

    Raises `WrongUsage` (KB0865) for a namespace that does not exist, `CredentialsRefused` (KB0864) if the
    namespaces have to be listed and may not be, and `ApiUnavailable` if no list was answered.
    """
    names = await _names(api, scope, OWN.union(installed))
    if scope.names:
        return tuple(
            Namespace(name, found)
            for name, found in zip(names, await run_all([_read(api, name) for name in names]), strict=True)
        )
    return by_namespace(names, await _read(api))


async def _names(api: Api, scope: Scope, own: Collection[str]) -> tuple[str, ...]:
    listing = await api.objects("/api/v1/namespaces")
    if listing.refused:
        if scope.names:
            return scope.names
        raise CredentialsRefused(
            f"namespaces cannot be listed: {listing.refused}",
            hint="name them, with --namespace",
            code="KB0864",
        )
    there = [named(item) for item in listing.items]
    if not scope.names:
        return tuple(sorted(name for name in there if scope.everything or name not in own))
    if missing := [name for name in scope.names if name not in there]:
        raise WrongUsage(
            f"there is no namespace {', '.join(missing)}", hint=f"there are {', '.join(there)}", code="KB0865"
        )
    return tuple(dict.fromkeys(scope.names))


async def _read(api: Api, namespace: str = "") -> Mapping[str, Listing]:
    """Return the objects of each kind, in a namespace or in all."""
    lists = await run_all([_list(api, kind, namespace) for kind in KINDS])
    failures = [one for one in lists if isinstance(one, ApiUnavailable)]
    if len(failures) == len(KINDS):
        raise failures[0]
    return {
        kind: Listing(refused=(one.detail or one.message).partition("\n")[0])
        if isinstance(one, ApiUnavailable)
        else one
        for kind, one in zip(KINDS, lists, strict=True)
    }


async def _list(api: Api, kind: str, namespace: str) -> Listing | ApiUnavailable:
    """List the objects of a kind, which lists leave out of their items; a failure leaves the others."""
    try:
        listing = await api.objects(KINDS[kind].path(namespace))
    except ApiUnavailable as error:
        return error
    return Listing(tuple({**item, "kind": kind} for item in listing.items), listing.refused)
