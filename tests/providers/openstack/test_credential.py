"""The application credential of a cluster; the real SDK against a small cloud on loopback."""

from __future__ import annotations

import pytest

from kbootstrap.core.errors import CredentialsRefused, SpecInvalid
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.provider import CloudPrograms
from kbootstrap.spec.model import Spec
from tests.providers.contexts import of

from .cloud import KEY, SECRET, FakeCloud, openstack

KEYS = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
SPEC = openstack("cloud_controller: true, load_balancer: {flavor: big}", KEYS)
ADDONS = CloudPrograms()
MARKS = "kbootstrap demo/prod"


def credentials(cloud: FakeCloud) -> list[dict[str, object]]:
    return cloud.things.get("identity/application_credentials", [])


async def test_it_is_restricted_and_has_the_roles_that_are_needed(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.roles = ["admin", "load-balancer_member", "member"]
    await ADDONS.make_secret(of(context, SPEC))
    [made] = credentials(cloud)
    assert (made["name"], made["description"], made["unrestricted"]) == ("demo-prod", MARKS, False)
    assert made["roles"] == [{"name": "member"}, {"name": "load-balancer_member"}]


async def test_a_cloud_with_roles_of_its_own(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.roles = ["network_operator", "compute_operator"]
    await ADDONS.make_secret(of(context, SPEC))
    assert credentials(cloud)[0]["roles"] == [{"name": "compute_operator"}, {"name": "network_operator"}]


async def test_cloud_conf(context: ProviderContext, cloud: FakeCloud) -> None:
    content = await ADDONS.make_secret(of(context, SPEC))
    [made] = credentials(cloud)
    assert content.data["cloud.conf"] == (
        "[Global]\n"
        f'application-credential-id = "{made["id"]}"\n'
        f'application-credential-secret = "{SECRET}"\n'
        f'auth-url = "{cloud.url}/identity/v3"\n'
        'region = "one"\n'
        'os-endpoint-type = "public"\n'
        "[LoadBalancer]\n"
        'lb-provider = ""\n'
        'flavor-id = "big"\n'
        'floating-network-id = "ext"\n'
    )
    assert SECRET not in repr(content)
    assert SECRET not in content.mark
    assert SECRET not in context.redactor.clean(f"it was {SECRET}")


async def test_a_mark_is_good_until_credential_or_settings_change(context: ProviderContext) -> None:
    assert await ADDONS.valid_credentials(of(context, SPEC)) == frozenset()
    mark = (await ADDONS.make_secret(of(context, SPEC))).mark
    assert await ADDONS.valid_credentials(of(context, SPEC)) == {mark}
    other = openstack("cloud_controller: true, load_balancer: {provider: ovn}", KEYS)
    assert mark not in await ADDONS.valid_credentials(of(context, other))
    again = (await ADDONS.make_secret(of(context, SPEC))).mark
    assert again != mark
    assert await ADDONS.valid_credentials(of(context, SPEC)) == {again}


async def test_a_foreign_credential_of_the_same_name_stays(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    other = {"id": "x", "name": "demo-prod", "description": "kbootstrap.cluster=b kbootstrap.spec=demo-a"}
    cloud.things["identity/application_credentials"] = [other]
    assert await ADDONS.valid_credentials(of(context, SPEC)) == frozenset()
    await PROVIDER.remove_orphans(of(context, SPEC), OrphanPhase.BEFORE_DESTROY)
    assert credentials(cloud) == [other]


async def test_release_removes_it_before_load_balancers(context: ProviderContext, cloud: FakeCloud) -> None:
    await ADDONS.make_secret(of(context, SPEC))
    cloud.requests.clear()
    await PROVIDER.remove_orphans(of(context, SPEC), OrphanPhase.BEFORE_DESTROY)
    assert credentials(cloud) == []
    removed = next(i for i, asked in enumerate(cloud.requests) if asked.startswith("DELETE identity/"))
    assert removed < cloud.requests.index("GET lb/loadbalancers")


async def test_a_restricted_credential_is_refused_before_anything_is_made(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.restricted = True
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.preflight.verify(of(context, SPEC))
    [problem] = caught.value.diagnostics
    assert problem.code == "KB1128"
    assert problem.span is not None
    assert problem.span.text[problem.span.column - 1 :].startswith("cloud_controller: true")
    checks = {check.name: check.ok for check in await PROVIDER.check(of(context, SPEC))}
    assert checks["application credential"] is False


@pytest.mark.parametrize("restricted", [False, None])
async def test_others_may_make_one(
    context: ProviderContext, cloud: FakeCloud, *, restricted: bool | None
) -> None:
    cloud.restricted = restricted
    await PROVIDER.preflight.verify(of(context, SPEC))
    checks = {check.name: check.ok for check in await PROVIDER.check(of(context, SPEC))}
    assert checks["application credential"] is True


async def test_a_restricted_credential_will_do_where_nothing_must_be_made(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    await ADDONS.make_secret(of(context, SPEC))
    cloud.restricted = True
    await PROVIDER.preflight.verify(of(context, SPEC))
    with pytest.raises(CredentialsRefused) as caught:
        await PROVIDER.remove_orphans(of(context, SPEC), OrphanPhase.BEFORE_DESTROY)
    assert caught.value.code == "KB1128"


async def test_a_cloud_that_shows_no_credentials_keeps_no_plain_cluster(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.failures["identity/v3/users/u/application_credentials"] = (403, "{}")
    plain = openstack()
    await PROVIDER.remove_orphans(of(context, plain), OrphanPhase.BEFORE_DESTROY)
    with pytest.raises(CredentialsRefused):
        await PROVIDER.remove_orphans(of(context, SPEC), OrphanPhase.BEFORE_DESTROY)


async def test_a_cluster_without_addons_asks_for_none(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.restricted = True
    plain: Spec = openstack(more=KEYS)
    await PROVIDER.preflight.verify(of(context, plain))
    assert not [asked for asked in cloud.requests if "application_credentials" in asked]
