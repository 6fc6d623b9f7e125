"""Logging in, and what is said when it does not work; the real SDK against a small cloud on loopback."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.core.errors import CredentialsRefused, DeadlinePassed, KbootstrapError, PrerequisiteMissing
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import connected
from kbootstrap.providers.openstack.credentials import source, variables
from kbootstrap.providers.openstack.entry_failures import opening
from kbootstrap.providers.openstack.settings import settings

from .cloud import PASSWORD, FakeCloud, openstack
from .conftest import provider_context


async def log_in(context: ProviderContext, more: str = "") -> tuple[str, str]:
    async with connected(settings(openstack(more).clusters[0]), context) as found:
        return found.project, found.region


async def test_with_clouds_yaml(context: ProviderContext) -> None:
    assert await log_in(context) == ("demo", "one")
    assert await log_in(context, "region: two") == ("demo", "two")
    assert context.redactor.clean(f"it is {PASSWORD}") == "it is ••••"
    assert context.redactor.clean("gAAAA-token-of-the-fake") == "••••"


async def test_with_the_environment(cloud: FakeCloud, tmp_path: Path) -> None:
    env = {
        "OS_AUTH_URL": f"{cloud.url}/identity/v3",
        "OS_USERNAME": "anna",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "demo",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "two",
    }
    context = provider_context(tmp_path, env)
    chosen = settings(openstack().clusters[0])
    by_environment = type(chosen)(
        **{name: getattr(chosen, name) for name in chosen.__slots__} | {"cloud": None}
    )
    async with connected(by_environment, context) as found:
        assert (found.project, found.region) == ("demo", "two")
    assert context.redactor.clean(PASSWORD) == "••••"


async def test_with_an_application_credential(cloud: FakeCloud, tmp_path: Path) -> None:
    login = {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": f"{cloud.url}/identity/v3",
            "application_credential_id": "abc",
            "application_credential_secret": PASSWORD,
        },
    }
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": login}}))
    context = provider_context(tmp_path)
    assert await log_in(context) == ("demo", "")
    assert context.redactor.clean(PASSWORD) == "••••"


async def test_the_password_may_stand_in_secure_yaml(cloud: FakeCloud, tmp_path: Path) -> None:
    content = json.loads(cloud.clouds_yaml())
    password = content["clouds"]["lab"]["auth"].pop("password")
    (tmp_path / "clouds.yaml").write_text(json.dumps(content))
    (tmp_path / "secure.yaml").write_text(json.dumps({"clouds": {"lab": {"auth": {"password": password}}}}))
    context = provider_context(tmp_path)
    assert await log_in(context) == ("demo", "one")
    passed = variables(
        source(settings(openstack().clusters[0]), context), settings(openstack().clusters[0]), {}
    )
    assert passed == {
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "OS_CLIENT_SECURE_FILE": str(tmp_path / "secure.yaml"),
    }


async def test_an_entry_of_clouds_yaml_is_not_mixed_with_the_environment(context: ProviderContext) -> None:
    chosen = settings(openstack().clusters[0])
    env = {"OS_PROJECT_ID": "other", "OS_PASSWORD": "other", "OS_REGION_NAME": "two", "PATH": "/bin"}
    passed = variables(source(chosen, context), chosen, env)
    assert {name: passed[name] for name in env if name in passed} == {"OS_PROJECT_ID": "", "OS_PASSWORD": ""}


async def refused(context: ProviderContext, more: str = "") -> KbootstrapError:
    with pytest.raises(KbootstrapError) as caught:
        await log_in(context, more)
    said = f"{caught.value.message} {caught.value.hint} {caught.value.detail}"
    assert PASSWORD not in context.redactor.clean(said)
    return caught.value


async def test_nothing_is_there(tmp_path: Path) -> None:
    error = await refused(provider_context(tmp_path))
    assert isinstance(error, CredentialsRefused)
    assert error.message == "there is no clouds.yaml for the cloud 'lab'"
    named = await refused(provider_context(tmp_path, {"OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml"}))
    assert named.message == "OS_CLIENT_CONFIG_FILE is /nowhere/clouds.yaml, which does not exist"


async def test_another_cloud(cloud: FakeCloud, tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml().replace('"lab"', '"work"'))
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (4, "KB1101")
    assert error.hint == f"clouds in {tmp_path / 'clouds.yaml'}: work"


@pytest.mark.parametrize(
    ("text", "exit_code", "code"),
    [
        ("clouds: {lab: [", 5, "KB1102"),
        ("clouds: {lab: {}}", 4, "KB1101"),
        ("clouds: [1]", 5, "KB1102"),
        ("[]", 5, "KB1102"),
        ("clouds: {lab: {auth_type: nothing, auth: {auth_url: 'http://127.0.0.1:1'}}}", 4, "KB1101"),
    ],
)
async def test_broken_files(tmp_path: Path, text: str, exit_code: int, code: str) -> None:
    (tmp_path / "clouds.yaml").write_text(text)
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (exit_code, code)


def entry(cloud: FakeCloud, folder: Path, change: dict[str, Any], *, password: str | None = PASSWORD) -> None:
    """Write clouds.yaml with other settings of the entry, and of the file (`top`)."""
    content = json.loads(cloud.clouds_yaml())
    login = content["clouds"]["lab"]
    if password is None:
        del login["auth"]["password"]
    content |= change.pop("top", {})
    login |= change
    (folder / "clouds.yaml").write_text(json.dumps(content))


async def test_an_entry_without_a_password_as_the_web_interface_gives_it(
    cloud: FakeCloud, tmp_path: Path
) -> None:
    entry(cloud, tmp_path, {}, password=None)
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (4, "KB1101")
    assert error.message.endswith("clouds.yaml have no password")
    assert error.hint is not None
    assert f"`auth:` of 'lab' in {tmp_path}/clouds.yaml" in error.hint
    assert f"{tmp_path}/secure.yaml" in error.hint


async def test_an_environment_without_a_password(cloud: FakeCloud, tmp_path: Path) -> None:
    env = {"OS_AUTH_URL": f"{cloud.url}/identity/v3", "OS_USERNAME": "anna", "OS_PROJECT_NAME": "demo"}
    context = provider_context(tmp_path, env)
    chosen = replace(settings(openstack().clusters[0]), cloud=None)
    with pytest.raises(CredentialsRefused) as caught:
        async with connected(chosen, context):
            pass
    assert caught.value.code == "KB1101"
    assert "OS_PASSWORD" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("change", "exit_code", "code"),
    [
        ({"profile": "nosuch"}, 4, "KB1101"),
        ({"profile": "http://127.0.0.1:9/x"}, 5, "KB1105"),
        ({"top": {"cache": {"class": "nothing", "expiration_time": 3600}}}, 5, "KB1110"),
        ({"top": {"cache": {"expiration_time": "x"}}}, 5, "KB1110"),
        ({"api_timeout": "soon"}, 5, "KB1110"),
        ({"auth_type": "nosuch"}, 4, "KB1101"),
        ({"auth_type": "token"}, 4, "KB1101"),
        ({"auth_type": "v3oidcpassword"}, 4, "KB1101"),
        ({"regions": [{"nome": "x"}]}, 4, "KB1101"),
        ({"regions": "two"}, 5, "KB1106"),
    ],
)
async def test_settings_that_are_not_usable(
    cloud: FakeCloud, tmp_path: Path, change: dict[str, Any], exit_code: int, code: str
) -> None:
    """Whatever the libraries raise while a connection is opened is an error with a hint, never a bug."""
    entry(cloud, tmp_path, dict(change))
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (exit_code, code), error
    assert error.hint


async def test_a_bug_of_ours_stays_one(context: ProviderContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        opening.not_there  # type: ignore[attr-defined] # noqa: B018

    monkeypatch.setattr("kbootstrap.providers.openstack.connection.region_config", broken)
    monkeypatch.setattr("kbootstrap.providers.openstack.entry_failures._PACKAGE", Path(__file__).parent)
    with pytest.raises(AttributeError):
        await log_in(context)


async def test_wrong_password(cloud: FakeCloud, tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml(password="wrong-password"))
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (4, "KB1103")
    assert error.detail is not None
    assert "requires authentication" in error.detail


async def test_wrong_region(context: ProviderContext) -> None:
    error = await refused(context, "region: three")
    assert (error.exit_code, error.code) == (5, "KB1106")
    assert error.hint == "available regions: one, two"


async def test_there_is_no_answer(tmp_path: Path, cloud: FakeCloud) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v3"
        (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml(auth_url=url))
        error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (5, "KB1105")
    assert "cannot be reached" in error.message


@pytest.mark.parametrize(("content", "code"), [(None, "KB1109"), ("no certificate", "KB1105")])
async def test_a_wrong_file_of_certificates(
    cloud: FakeCloud, tmp_path: Path, content: str | None, code: str
) -> None:
    authority = tmp_path / "authority.pem"
    if content:
        authority.write_text(content)
    known = json.loads(cloud.clouds_yaml(auth_url=f"{cloud.url.replace('http:', 'https:')}/identity/v3"))
    known["clouds"]["lab"]["cacert"] = str(authority)
    (tmp_path / "clouds.yaml").write_text(json.dumps(known))
    error = await refused(provider_context(tmp_path))
    assert (error.exit_code, error.code) == (5, code)
    assert error.detail


async def test_the_cloud_answers_too_late(context: ProviderContext, cloud: FakeCloud, tmp_path: Path) -> None:
    content = json.loads(cloud.clouds_yaml())
    content["clouds"]["lab"]["api_timeout"] = 0.2
    (tmp_path / "clouds.yaml").write_text(json.dumps(content))
    cloud.delay = 0.5
    error = await refused(context)
    assert (error.exit_code, error.code) == (5, "KB1105")


async def test_a_question_is_asked_again_once(
    context: ProviderContext, cloud: FakeCloud, tmp_path: Path
) -> None:
    content = json.loads(cloud.clouds_yaml())
    content["clouds"]["lab"]["api_timeout"] = 0.5
    (tmp_path / "clouds.yaml").write_text(json.dumps(content))
    async with connected(settings(openstack().clusters[0]), context) as found:
        await found.ask("list the machines", lambda sdk: list(sdk.compute.servers()))
        cloud.stalls = [1.0]
        assert await found.ask("list the machines", lambda sdk: list(sdk.compute.servers())) == []
        assert not cloud.stalls
        cloud.stalls = [1.0, 1.0]
        with pytest.raises(PrerequisiteMissing, match="does not respond in time"):
            await found.ask("list the machines", lambda sdk: list(sdk.compute.servers()))


async def test_a_question_has_a_deadline(context: ProviderContext, cloud: FakeCloud) -> None:
    async with connected(settings(openstack().clusters[0]), context) as found:
        cloud.delay = 0.5
        with pytest.raises(DeadlinePassed, match="did not list the machines within 0 s"):
            await found.ask("list the machines", lambda sdk: list(sdk.compute.servers()), seconds=0.1)
        cloud.delay = 0.0


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (403, CredentialsRefused, "KB1104"),
        (500, PrerequisiteMissing, "KB1107"),
        (503, PrerequisiteMissing, "KB1107"),
    ],
)
async def test_bad_answers(
    context: ProviderContext, cloud: FakeCloud, status: int, error: type[KbootstrapError], code: str
) -> None:
    cloud.failures["network/ports"] = (status, "<html><h1>Broken</h1>\n<p>req-1</p></html>")
    async with connected(settings(openstack().clusters[0]), context) as found:
        with pytest.raises(error) as caught:
            await found.ask("list the ports", lambda sdk: list(sdk.network.ports()))
    assert caught.value.code == code


async def test_a_bug_stays_one(context: ProviderContext) -> None:
    async with connected(settings(openstack().clusters[0]), context) as found:
        with pytest.raises(ZeroDivisionError):
            await found.ask("divide", lambda _: 1 / 0)
