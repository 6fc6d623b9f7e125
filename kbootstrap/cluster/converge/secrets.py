"""Secrets of programs in the cluster: made in memory, written through the API, and removed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.deadlines import PODS, POLL
from kbootstrap.cluster.state.pods_mark import PodsMark, token_mark
from kbootstrap.distros.additions import AUTOSCALER_READS, AUTOSCALER_SECRETS, READS, SecretContent


@dataclass(frozen=True, slots=True)
class PodSecrets:
    """The autoscaler's Secrets: `make` returns both by name for the agents' token, that with the mark last.

    `leases` and `configs` are objects that its programs make themselves. `revoke` ends their credential.
    """

    make: Callable[[str], Awaitable[Mapping[str, SecretContent]]]
    revoke: Callable[[], Awaitable[None]]
    leases: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()


MakeSecret = Callable[[], Awaitable[SecretContent]]
"""Makes a new credential, and with it the content of the Secret."""


async def give(secret: str, readers: str, valid: Collection[str], api: Api, make: MakeSecret | None) -> None:
    """Write the Secret unless it is valid; pods that use an earlier one are restarted."""
    if make is None:
        raise RuntimeError("the plan has a Secret, and nothing can make its content")
    there = await patiently(partial(api.secret_mark, secret))
    if there in valid:
        return
    content = await make()
    await patiently(partial(api.put_secret, secret, content))
    if there is not None and readers:
        await patiently(partial(api.delete_pods, readers))


_PODS = f"{READS}={AUTOSCALER_READS}"


async def give_pods(
    token: str, good: Collection[str], api: Api, source: PodSecrets, *, checked: bool
) -> None:
    """Write the autoscaler's Secrets for the agents' token, and restart its pods.

    Unless `checked`, those that turn out to be valid stay.
    """
    there = await patiently(partial(api.secret_mark, AUTOSCALER_SECRETS[-1]))
    mark = PodsMark.read(there or "")
    if not checked and mark and not mark.stale(frozenset(good), time.time(), token_mark(token)):
        return
    for name, content in (await source.make(token)).items():
        await patiently(partial(api.put_secret, name, content))
    if there is not None:
        await patiently(partial(api.delete_pods, _PODS))


async def remove_pods(api: Api, source: PodSecrets, waiting: Callable[[str], None], *, last: bool) -> None:
    """Remove the credential and the objects that no manifest has, when the pods are gone.

    A pod on a machine that does not answer is not waited for longer than `PODS` seconds: it can do nothing
    without the credential.
    """
    waiting("the pods end")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PODS):
            while await patiently(partial(api.has_pods, _PODS)):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(POLL)
    await source.revoke()
    for lease in source.leases:
        await patiently(partial(api.delete_lease, lease))
    for config in source.configs:
        await patiently(partial(api.delete_config, config))
    for name in AUTOSCALER_SECRETS if last else AUTOSCALER_SECRETS[:-1]:
        await patiently(partial(api.delete_secret, name))


async def forget_pods(api: Api) -> None:
    """Remove the last Secret, once the elastic nodes have left."""
    await patiently(partial(api.delete_secret, AUTOSCALER_SECRETS[-1]))
