"""The SDK and OpenTofu's provider work in the same place: resolved once, given to both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.connection import connected
from kbootstrap.providers.openstack.resolution import Resolved, resolve
from kbootstrap.providers.openstack.settings import settings
from tests.providers.contexts import of

from .cloud import FakeCloud, openstack
from .conftest import provider_context


def resolved(cloud: FakeCloud, folder: Path, change: dict[str, Any], more: str = "", **env: str) -> Resolved:
    content = json.loads(cloud.clouds_yaml())
    entry = content["clouds"]["lab"]
    del entry["region_name"]
    entry |= change
    (folder / "clouds.yaml").write_text(json.dumps(content))
    return resolve(settings(openstack(more).clusters[0]), provider_context(folder, env))


PER_REGION = {"regions": [{"name": "two", "values": {"auth": {"auth_url": "https://two/v3"}}}, "one"]}


@pytest.mark.parametrize(
    ("change", "more", "env", "region", "passed"),
    [
        ({"regions": ["two", "one"]}, "", {}, "two", "two"),
        ({"regions": ["two", "one"]}, "region: one", {}, "one", None),
        ({"regions": ["two", "one"]}, "", {"OS_REGION_NAME": "one"}, "one", None),
        ({"region_name": "one"}, "", {}, "one", None),
        ({"region_name": "one"}, "", {"OS_REGION_NAME": "two"}, "two", None),
        ({}, "", {}, "", None),
    ],
)
async def test_region(
    cloud: FakeCloud,
    tmp_path: Path,
    change: dict[str, Any],
    more: str,
    env: dict[str, str],
    region: str,
    passed: str | None,
) -> None:
    """OpenTofu reads the spec, then OS_REGION_NAME, then `region_name`; kbootstrap passes the rest."""
    found = resolved(cloud, tmp_path, change, more, **env)
    assert found.region == region
    assert found.variables().get("OS_REGION_NAME") == passed
    chosen = settings(openstack(more).clusters[0])
    async with connected(chosen, provider_context(tmp_path, env)) as sdk:
        assert sdk.region == region
    assert str(found) == f"cloud lab{region and ', region ' + region}"


def test_the_auth_url_of_a_region(cloud: FakeCloud, tmp_path: Path) -> None:
    found = resolved(cloud, tmp_path, dict(PER_REGION))
    assert (found.region, found.auth_url) == ("two", "https://two/v3")
    assert found.variables()["OS_AUTH_URL"] == "https://two/v3"
    assert resolved(cloud, tmp_path, dict(PER_REGION), "region: one").auth_url == f"{cloud.url}/identity/v3"


def test_interface(cloud: FakeCloud, tmp_path: Path) -> None:
    """OpenTofu's provider does not read it from clouds.yaml."""
    found = resolved(cloud, tmp_path, {"interface": "internal"})
    assert found.variables()["OS_ENDPOINT_TYPE"] == "internal"
    assert str(found) == "cloud lab, internal endpoints"
    assert resolved(cloud, tmp_path, {}).variables() == {}


def test_files_of_certificates_are_absolute(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTofu runs in another folder."""
    monkeypatch.chdir(tmp_path)
    found = resolved(cloud, tmp_path, {"cacert": "ca.pem", "verify": False})
    assert found.variables()["OS_CACERT"] == str(tmp_path / "ca.pem")
    assert found.variables()["OS_INSECURE"] == "true"


@pytest.mark.parametrize("creating", [True, False])
async def test_opentofu_gets_the_same(cloud: FakeCloud, tmp_path: Path, creating: bool) -> None:
    resolved(cloud, tmp_path, {"regions": ["two", "one"]})
    key = "    ssh: {authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "A" + " anna]}\n"
    context = of(provider_context(tmp_path, {"OS_PASSWORD": "of another project"}), openstack(more=key))
    passed = await PROVIDER.prepare(context, creating=creating)
    assert passed["OS_REGION_NAME"] == "two"
    assert passed["OS_PASSWORD"] == ""
    assert await PROVIDER.location.describe(context) == "cloud lab, region two"


def test_an_entry_that_is_not_complete_is_refused(cloud: FakeCloud, tmp_path: Path) -> None:
    with pytest.raises(CredentialsRefused):
        resolved(cloud, tmp_path, {"auth_type": "nosuch"})
