"""The credential of the autoscaler's server; the real SDK against a small cloud on loopback."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import CredentialsRefused, SpecInvalid
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.elastic_access import RULES
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Spec
from kbootstrap.spec.pins import ImagePin
from tests.providers.contexts import of

from .cloud import KEY, SECRET, FakeCloud, image, openstack, server

SUM = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
AUTOSCALER = f"""\
    autoscaler:
      cluster_autoscaler: {{image: "ca:v1.32.0", file: ca.tar, sha256: {SUM}}}
      server: {{image: "server:1", file: server.tar, sha256: {SUM}}}
"""
KEYS = f"    ssh: {{authorized_keys: [{KEY}]}}\n"
POOLS = "    pools: [{name: web, flavor: large, autoscaling: {min: 1, max: 3}}]\n"
SPEC = openstack(more=KEYS + AUTOSCALER, pools=POOLS)
BOTH = openstack("cloud_controller: true", KEYS + AUTOSCALER, pools=POOLS)
ACCESS = PROVIDER.elastic_access
FOLDER = "/etc/secret"


def credentials(cloud: FakeCloud) -> list[dict[str, object]]:
    return cloud.things.get("identity/application_credentials", [])


async def test_it_is_restricted_to_its_requests(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.roles = ["admin", "load-balancer_member", "member"]
    found = await ACCESS.make(of(context, SPEC), FOLDER)
    [made] = credentials(cloud)
    assert (made["name"], made["description"]) == ("demo-prod-autoscaler", "kbootstrap demo/prod autoscaler")
    assert (made["unrestricted"], made["roles"]) == (False, [{"name": "member"}])
    assert made["access_rules"] == [*RULES]
    assert {rule["service"] for rule in RULES} == {"compute", "image", "network"}
    assert found.authorized_keys == (KEY,)
    assert SECRET not in repr(found)
    assert SECRET not in found.mark
    assert SECRET not in context.redactor.clean(f"it was {SECRET}")


async def test_the_pod_logs_in_with_what_it_gets(
    context: ProviderContext, cloud: FakeCloud, tmp_path: Path
) -> None:
    """Its own files and variables, and no others: all requests are those of the rules."""
    cloud.things["compute/servers"] = [server("other")]
    cloud.things["image/images"] = [image("i1", "Debian 12", "2026-01-01T00:00:00Z")]
    operators = of(context, SPEC)
    found = await ACCESS.make(operators, str(tmp_path / "secret"))
    (tmp_path / "secret").mkdir()
    for name, content in found.files.items():
        (tmp_path / "secret" / name).write_text(content)
    (tmp_path / "clouds.yaml").unlink()
    pinned = Lock(images={"prod": ImagePin("Debian 12", "i1")})
    pod = replace(operators, lock=pinned, env=ACCESS.environment(operators, str(tmp_path / "secret")))
    cloud.requests.clear()
    assert await PROVIDER.elastic_machines.list(pod) == ()
    await PROVIDER.elastic_machines.shapes(pod, ["large"])
    asked = [one for one in cloud.requests if "identity" not in one and one.partition(" ")[2].count("/")]
    assert asked
    assert all(fits(*one.split(" ")) for one in asked), asked


def fits(method: str, path: str) -> bool:
    """Return whether a rule allows a request, as keystonemiddleware compares them."""
    service, _, rest = path.partition("/")
    signs = {"**": ".*", "*": "[^/]+"}
    return any(
        rule["service"] == service
        and rule["method"] == method
        and re.fullmatch(re.sub(r"\*\*?", lambda sign: signs[sign[0]], rule["path"]), f"/v2/{rest}")
        for rule in RULES
    )


def test_rules_allow_nothing_else() -> None:
    assert fits("DELETE", "compute/servers/1")
    assert fits("POST", "compute/servers/1/action")
    for method, path in (
        ("POST", "compute/os-keypairs"),
        ("DELETE", "network/networks/1"),
        ("POST", "network/security-group-rules"),
        ("GET", "identity/users/u/application_credentials"),
        ("GET", "volume/volumes/detail"),
        ("PUT", "compute/servers/1"),
        ("GET", "image/images/1/file"),
    ):
        assert not fits(method, path), path


async def test_the_entry_of_clouds_yaml(context: ProviderContext, cloud: FakeCloud, tmp_path: Path) -> None:
    """Where the cloud is, and its authority: the operator's own credentials are not in it."""
    clouds = json.loads((tmp_path / "clouds.yaml").read_text())
    clouds["clouds"]["lab"] |= {
        "cacert": str(tmp_path / "ca.pem"),
        "compute_endpoint_override": f"{cloud.url}/compute/v2.1",
    }
    (tmp_path / "clouds.yaml").write_text(json.dumps(clouds))
    (tmp_path / "ca.pem").write_text("the authority")
    found = await ACCESS.make(of(context, SPEC), FOLDER)
    [made] = credentials(cloud)
    assert json.loads(found.files["clouds.yaml"]) == {
        "clouds": {
            "lab": {
                "auth": {
                    "auth_url": f"{cloud.url}/identity/v3",
                    "application_credential_id": made["id"],
                    "application_credential_secret": SECRET,
                },
                "auth_type": "v3applicationcredential",
                "cacert": f"{FOLDER}/cloud-ca.pem",
                "compute_endpoint_override": f"{cloud.url}/compute/v2.1",
                "interface": "public",
                "region_name": "one",
            }
        }
    }
    assert found.files["cloud-ca.pem"] == "the authority"
    assert ACCESS.environment(of(context, SPEC), FOLDER) == {
        "OS_CLIENT_CONFIG_FILE": f"{FOLDER}/clouds.yaml",
        "OS_CLOUD": "lab",
    }


async def test_a_mark_is_good_until_the_credential_is_another_one(
    context: ProviderContext, cloud: FakeCloud, tmp_path: Path
) -> None:
    assert await ACCESS.valid(of(context, SPEC)) == frozenset()
    first = (await ACCESS.make(of(context, SPEC), FOLDER)).mark
    assert await ACCESS.valid(of(context, SPEC)) == {first}
    second = (await ACCESS.make(of(context, SPEC), FOLDER)).mark
    assert await ACCESS.valid(of(context, SPEC)) == {second}
    assert len(credentials(cloud)) == 1
    clouds = json.loads((tmp_path / "clouds.yaml").read_text())
    clouds["clouds"]["lab"]["verify"] = False
    (tmp_path / "clouds.yaml").write_text(json.dumps(clouds))
    assert second not in await ACCESS.valid(of(context, SPEC))


async def test_the_end_of_it(context: ProviderContext, cloud: FakeCloud) -> None:
    """Its rules go too, but not those of another cluster's credential; the controller's own stays."""
    await PROVIDER.addons.make_secret(of(context, BOTH))
    await ACCESS.make(of(context, BOTH), FOLDER)
    other = {**credentials(cloud)[-1], "id": "x", "description": "kbootstrap demo/b autoscaler"}
    cloud.things["identity/application_credentials"].append(other)
    await ACCESS.remove(of(context, BOTH))
    assert [one["description"] for one in credentials(cloud)] == [
        "kbootstrap demo/prod",
        other["description"],
    ]
    assert len(cloud.things["identity/access_rules"]) == len(RULES)
    cloud.things["identity/application_credentials"].remove(other)
    await ACCESS.remove(of(context, BOTH))
    assert cloud.things["identity/access_rules"] == []


async def test_destroy_removes_both(context: ProviderContext, cloud: FakeCloud) -> None:
    await PROVIDER.addons.make_secret(of(context, BOTH))
    await ACCESS.make(of(context, BOTH), FOLDER)
    await PROVIDER.remove_orphans(of(context, openstack(more=KEYS)), OrphanPhase.BEFORE_DESTROY)
    assert credentials(cloud) == []
    assert cloud.things["identity/access_rules"] == []


@pytest.mark.parametrize(("spec", "key"), [(SPEC, "autoscaler:"), (BOTH, "cloud_controller: true")])
async def test_a_restricted_credential_is_refused_before_anything_is_made(
    context: ProviderContext, cloud: FakeCloud, spec: Spec, key: str
) -> None:
    cloud.restricted = True
    with pytest.raises(SpecInvalid) as caught:
        await PROVIDER.preflight.verify(of(context, spec))
    [problem] = caught.value.diagnostics
    assert problem.code == "KB1128"
    assert problem.span is not None
    assert problem.span.text[problem.span.column - 1 :].startswith(key)
    with pytest.raises(CredentialsRefused):
        await ACCESS.make(of(context, spec), FOLDER)


async def test_a_restricted_credential_will_do_where_one_is_there(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    await ACCESS.make(of(context, SPEC), FOLDER)
    cloud.restricted = True
    await PROVIDER.preflight.verify(of(context, SPEC))
