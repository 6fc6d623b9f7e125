"""The Secret that the infrastructure's programs read: made in memory, written through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kbootstrap.cluster.api import Api
from kbootstrap.cluster.decide.steps import GiveSecret
from kbootstrap.distros.additions import SecretContent

MakeSecret = Callable[[], Awaitable[SecretContent]]
"""Makes a new credential, and with it the content of the Secret."""


async def give(step: GiveSecret, api: Api | None, make: MakeSecret | None) -> None:
    """Write the Secret, unless the one that is there is good; pods that read an earlier one start again."""
    if api is None or make is None:
        raise RuntimeError("a Secret is wanted, and nobody can make or take it")
    there = await api.secret_mark(step.secret)
    if there in step.good:
        return
    await api.put_secret(step.secret, await make())
    if there is not None and step.readers:
        await api.delete_pods(step.readers)
