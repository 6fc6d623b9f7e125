"""The only access to a cloud's API: openstacksdk in a thread, with deadlines and translated errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kbootstrap.core.errors import DeadlinePassed, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.redact import Redactor
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.credentials import CredentialSource, region_config, source
from kbootstrap.providers.openstack.entry_failures import opening
from kbootstrap.providers.openstack.failures import deadline_passed, is_slow, translate
from kbootstrap.providers.openstack.settings import Settings

if TYPE_CHECKING:
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack.connection import Connection

T = TypeVar("T")
ASK = 150.0
"""Seconds for one query in total: all pages of a list, and one retry after a request timed out
(`API_TIMEOUT`)."""
INSTALL = "pip install 'kbootstrap[openstack]'"


@dataclass(frozen=True, slots=True)
class Cloud:
    """A project of a cloud, logged in. `region` is empty if none is set."""

    sdk: Connection
    source: CredentialSource
    region: str
    project: str
    redactor: Redactor
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when a query is cancelled: its thread must then not change anything more."""
    asked: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    """The queries of `ask_once` that are not answered yet, by their text."""

    @property
    def where(self) -> str:
        """A description: credentials, project, region."""
        region = f", region {self.region}" if self.region else ""
        return f"{self.source}, project {self.project}{region}"

    async def ask(self, what: str, question: Callable[[Connection], T], *, seconds: float = ASK) -> T:
        """Run `question` in a thread and return its result.

        `what` completes "the API could not …". Raises `CredentialsRefused`, `PrerequisiteMissing`, or
        `DeadlinePassed`. A question must return lists, not generators, which send requests later. It must be
        repeatable: if a request times out, the question is retried once.
        """

        def with_retry() -> T:
            try:
                return question(self.sdk)
            except Exception as error:
                if self.stopped.is_set() or not is_slow(error):
                    raise
                return question(self.sdk)

        try:
            return await _ask(what, with_retry, str(self.source), self.redactor, seconds)
        except (asyncio.CancelledError, DeadlinePassed):
            self.stopped.set()
            raise

    async def ask_once(self, what: str, question: Callable[[Connection], T]) -> T:
        """Ask as `ask`; callers with the same `what` share the answer until it is there. Read-only."""
        task: asyncio.Task[T] | None = self.asked.get(what)
        if task is None:
            task = self.asked[what] = asyncio.create_task(self.ask(what, question))
            task.add_done_callback(lambda _: self.asked.pop(what, None))
        return await asyncio.shield(task)

    def hang_up(self) -> None:
        """Close open TCP connections; the next request opens one. Blocks."""
        self.sdk.session.session.close()


@asynccontextmanager
async def connected(chosen: Settings, context: ProviderContext) -> AsyncIterator[Cloud]:
    """Log in; the connection is closed at the end of the context.

    Raises `PrerequisiteMissing` (KB1100) if openstacksdk is not installed, `CredentialsRefused`, and
    `PrerequisiteMissing` for a region that the cloud does not have.
    """
    found = source(chosen, context)
    redactor = context.redactor
    translated = partial(opening, what="log in", found=found, redactor=redactor)
    sdk = await asyncio.to_thread(translated, partial(_open, found, chosen, context))
    try:
        log_in = partial(_log_in, sdk, found, redactor)
        cloud = await _ask("log in", partial(translated, log_in), str(found), redactor, ASK)
        try:
            yield cloud
        finally:
            left = tuple(cloud.asked.values())
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
    finally:
        await asyncio.to_thread(sdk.close)


def _open(found: CredentialSource, chosen: Settings, context: ProviderContext) -> Connection:
    """Import the SDK (two seconds) and create a connection. Sends no request."""
    try:
        from openstack.connection import Connection
    except ImportError as error:
        raise PrerequisiteMissing(
            "the openstack provider needs openstacksdk, which is not installed",
            hint=f"install it in the environment of kbootstrap: {INSTALL}",
            code="KB1100",
        ) from error
    return Connection(config=region_config(found, chosen, context))


def _log_in(sdk: Connection, found: CredentialSource, redactor: Redactor) -> Cloud:
    """Get a token and verify that the catalogue has the region."""
    access = cast("BaseIdentityPlugin", sdk.session.auth).get_access(sdk.session)
    redactor.add(access.auth_token or "")
    region = sdk.config.get_region_name() or ""
    endpoints = [e for service in access.service_catalog.catalog for e in service.get("endpoints", ())]
    regions = sorted({name for e in endpoints if (name := e.get("region_id") or e.get("region"))})
    if region and regions and region not in regions:
        raise PrerequisiteMissing(
            f"{found} has no region '{region}'",
            hint=f"available regions: {', '.join(regions)}",
            code="KB1106",
        )
    if not endpoints:
        raise PrerequisiteMissing(
            f"the credentials of {found} belong to no project: the cloud lists no services",
            hint="set the project (`project_name` and its domain) in clouds.yaml, or OS_PROJECT_NAME",
            code="KB1106",
        )
    return Cloud(sdk, found, region, access.project_name or access.project_id or "", redactor)


async def _ask(what: str, question: Callable[[], T], where: str, redactor: Redactor, seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(question)
    except KbootstrapError:
        raise
    except TimeoutError as error:
        raise deadline_passed(what=what, where=where, seconds=seconds) from error
    except Exception as error:
        known = translate(error, what=what, where=where, redactor=redactor)
        if known is None:
            raise
        raise known from error
