"""One login for a run; the real SDK against a small cloud on loopback, which counts requests."""

from __future__ import annotations

import asyncio

import pytest

from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER, logins
from kbootstrap.providers.openstack.connection import Cloud
from tests.providers.contexts import of

from .cloud import FakeCloud, openstack, server
from .test_machines import NAMES, outputs


@pytest.fixture
def given(context: ProviderContext) -> ProviderContext:
    return of(context, openstack())


async def test_a_run_logs_in_once_and_asks_for_the_machines_once(
    given: ProviderContext, cloud: FakeCloud
) -> None:
    """As a second apply does: what is missing, and the inventory, at the same time."""
    cloud.things["compute/servers"] = [server(name) for name in NAMES]
    cloud.things["network/networks"].append({"id": "net", "name": "demo-prod", "tags": []})
    done = ["Cloud-init v. 24.1 finished at Sun"]
    cloud.consoles = {f"id-{name}": done for name in NAMES}
    async with PROVIDER.sessions.keep(given):
        await asyncio.gather(
            PROVIDER.inspect(given, outputs=outputs()), PROVIDER.inventory(given, outputs(), starting=False)
        )
        await PROVIDER.addons.valid_credentials(given)
    assert cloud.requests.count("POST identity/v3/auth/tokens") == 1
    assert cloud.requests.count("GET compute/servers/detail") == 1


async def test_it_logs_in_before_anything_is_asked(given: ProviderContext, cloud: FakeCloud) -> None:
    """The login goes on beside what a run does first, like rendering or starting OpenTofu."""
    async with PROVIDER.sessions.keep(given):
        async with asyncio.timeout(30):
            while "POST identity/v3/auth/tokens" not in cloud.requests:  # noqa: ASYNC110 - a server counts
                await asyncio.sleep(0.01)
        await PROVIDER.addons.valid_credentials(given)
    assert cloud.requests.count("POST identity/v3/auth/tokens") == 1


async def test_a_run_that_asks_nothing_ends_without_the_failure_of_its_login(
    given: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.failures["identity/v3/auth/tokens"] = (403, "not now")
    async with PROVIDER.sessions.keep(given), asyncio.timeout(30):
        while "POST identity/v3/auth/tokens" not in cloud.requests:  # noqa: ASYNC110 - a server counts
            await asyncio.sleep(0.01)


async def test_without_a_session_every_method_logs_in(given: ProviderContext, cloud: FakeCloud) -> None:
    await PROVIDER.addons.valid_credentials(given)
    await PROVIDER.addons.valid_credentials(given)
    assert cloud.requests.count("POST identity/v3/auth/tokens") == 2


async def test_a_login_that_failed_is_tried_again(given: ProviderContext, cloud: FakeCloud) -> None:
    """Not before a caller knows: accounts are locked after some attempts."""
    cloud.failures["identity/v3/auth/tokens"] = (403, "not now")
    async with PROVIDER.sessions.keep(given):
        asking = [PROVIDER.addons.valid_credentials(given) for _ in range(3)]
        failures = await asyncio.gather(*asking, return_exceptions=True)
        assert ["log in" in str(failure) for failure in failures] == [True] * 3
        assert cloud.requests.count("POST identity/v3/auth/tokens") == 1
        cloud.failures.clear()
        await PROVIDER.addons.valid_credentials(given)


async def test_connections_that_were_idle_are_not_used_again(
    given: ProviderContext, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung_up = list[str]()
    hang_up = Cloud.hang_up

    def counted(cloud: Cloud) -> None:
        hung_up.append(cloud.project)
        hang_up(cloud)

    monkeypatch.setattr(Cloud, "hang_up", counted)
    async with PROVIDER.sessions.keep(given), PROVIDER.sessions.keep(given):
        await PROVIDER.addons.valid_credentials(given)
        await PROVIDER.addons.valid_credentials(given)
        assert hung_up == []
        monkeypatch.setattr(logins, "_IDLE", -1.0)
        await PROVIDER.addons.valid_credentials(given)
        assert hung_up == ["demo"]
    assert cloud.requests.count("POST identity/v3/auth/tokens") == 1
