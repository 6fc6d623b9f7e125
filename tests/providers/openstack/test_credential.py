"""The application credential of a cluster; the real SDK against a small cloud on loopback."""

from __future__ import annotations

import pytest

from kbootstrap.core.errors import CredentialsRefused, SpecInvalid
from kbootstrap.providers.model import Surroundings
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Spec

from .cloud import KEY, SECRET, FakeCloud, openstack

KEYS = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
SPEC = openstack("cloud_controller: true, load_balancer: {flavor: big}", KEYS)
CLUSTER = SPEC.clusters[0]
MARKS = "kbootstrap demo/prod"


def credentials(cloud: FakeCloud) -> list[dict[str, object]]:
    return cloud.things.get("identity/application_credentials", [])


async def test_it_is_restricted_and_has_the_roles_that_are_needed(
    around: Surroundings, cloud: FakeCloud
) -> None:
    cloud.roles = ["admin", "load-balancer_member", "member"]
    await PROVIDER.secret(SPEC, CLUSTER, around)
    [made] = credentials(cloud)
    assert (made["name"], made["description"], made["unrestricted"]) == ("demo-prod", MARKS, False)
    assert made["roles"] == [{"name": "member"}, {"name": "load-balancer_member"}]


async def test_a_cloud_with_roles_of_its_own(around: Surroundings, cloud: FakeCloud) -> None:
    cloud.roles = ["network_operator", "compute_operator"]
    await PROVIDER.secret(SPEC, CLUSTER, around)
    assert credentials(cloud)[0]["roles"] == [{"name": "compute_operator"}, {"name": "network_operator"}]


async def test_cloud_conf(around: Surroundings, cloud: FakeCloud) -> None:
    content = await PROVIDER.secret(SPEC, CLUSTER, around)
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
    assert SECRET not in around.redactor.clean(f"it was {SECRET}")


async def test_a_mark_is_good_until_credential_or_settings_change(around: Surroundings) -> None:
    assert await PROVIDER.good_marks(SPEC, CLUSTER, around) == frozenset()
    mark = (await PROVIDER.secret(SPEC, CLUSTER, around)).mark
    assert await PROVIDER.good_marks(SPEC, CLUSTER, around) == {mark}
    other = openstack("cloud_controller: true, load_balancer: {provider: ovn}", KEYS)
    assert mark not in await PROVIDER.good_marks(other, other.clusters[0], around)
    again = (await PROVIDER.secret(SPEC, CLUSTER, around)).mark
    assert again != mark
    assert await PROVIDER.good_marks(SPEC, CLUSTER, around) == {again}


async def test_somebody_elses_credential_of_the_same_name_stays(
    around: Surroundings, cloud: FakeCloud
) -> None:
    other = {"id": "x", "name": "demo-prod", "description": "kbootstrap.cluster=b kbootstrap.spec=demo-a"}
    cloud.things["identity/application_credentials"] = [other]
    assert await PROVIDER.good_marks(SPEC, CLUSTER, around) == frozenset()
    await PROVIDER.release(SPEC, CLUSTER, around)
    assert credentials(cloud) == [other]


async def test_release_removes_it_before_load_balancers(around: Surroundings, cloud: FakeCloud) -> None:
    await PROVIDER.secret(SPEC, CLUSTER, around)
    cloud.requests.clear()
    await PROVIDER.release(SPEC, CLUSTER, around)
    assert credentials(cloud) == []
    removed = next(i for i, asked in enumerate(cloud.requests) if asked.startswith("DELETE identity/"))
    assert removed < cloud.requests.index("GET lb/loadbalancers")


async def test_a_restricted_credential_is_refused_before_anything_is_made(
    around: Surroundings, cloud: FakeCloud
) -> None:
    cloud.restricted = True
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.prepare(SPEC, CLUSTER, Lock(), around)
    [problem] = caught.value.diagnostics
    assert problem.code == "KB1128"
    assert problem.span is not None
    assert problem.span.text[problem.span.column - 1 :].startswith("cloud_controller: true")
    checks = {check.name: check.ok for check in await PROVIDER.check(SPEC, CLUSTER, Lock(), around)}
    assert checks["application credential"] is False


@pytest.mark.parametrize("restricted", [False, None])
async def test_others_may_make_one(
    around: Surroundings, cloud: FakeCloud, *, restricted: bool | None
) -> None:
    cloud.restricted = restricted
    await PROVIDER.prepare(SPEC, CLUSTER, Lock(), around)
    checks = {check.name: check.ok for check in await PROVIDER.check(SPEC, CLUSTER, Lock(), around)}
    assert checks["application credential"] is True


async def test_a_restricted_credential_will_do_where_nothing_must_be_made(
    around: Surroundings, cloud: FakeCloud
) -> None:
    await PROVIDER.secret(SPEC, CLUSTER, around)
    cloud.restricted = True
    await PROVIDER.prepare(SPEC, CLUSTER, Lock(), around)
    with pytest.raises(CredentialsRefused) as caught:
        await PROVIDER.release(SPEC, CLUSTER, around)
    assert caught.value.code == "KB1128"


async def test_a_cloud_that_shows_no_credentials_keeps_no_plain_cluster(
    around: Surroundings, cloud: FakeCloud
) -> None:
    cloud.failures["identity/v3/users/u/application_credentials"] = (403, "{}")
    plain = openstack()
    await PROVIDER.release(plain, plain.clusters[0], around)
    with pytest.raises(CredentialsRefused):
        await PROVIDER.release(SPEC, CLUSTER, around)


async def test_a_cluster_without_addons_asks_for_none(around: Surroundings, cloud: FakeCloud) -> None:
    cloud.restricted = True
    plain: Spec = openstack(more=KEYS)
    await PROVIDER.prepare(plain, plain.clusters[0], Lock(), around)
    assert not [asked for asked in cloud.requests if "application_credentials" in asked]
