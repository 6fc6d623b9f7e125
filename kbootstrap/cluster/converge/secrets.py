"""The Secret that the infrastructure's programs read: created in memory, written through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial

from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.distros.additions import SecretContent

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
