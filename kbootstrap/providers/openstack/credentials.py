"""The credentials of a cluster: an entry of clouds.yaml, or the OS_* environment.

The SDK and the Terraform provider search clouds.yaml in different places (the provider in the folder of its
root module). So it is searched here once, and both get the path. Search order: OS_CLIENT_CONFIG_FILE, beside
the spec, the current folder, ~/.config/openstack, /etc/openstack (openstacksdk, "Configuration").
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.settings import Settings

if TYPE_CHECKING:
    from openstack.config.cloud_region import CloudRegion

API_TIMEOUT = 60
"""Seconds for one request, if clouds.yaml does not set `api_timeout`."""
_SELECTORS = frozenset(
    {"OS_CLOUD", "OS_REGION_NAME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CLOUD_NAME"}
)
"""Variables that select credentials, but are not credentials themselves."""
_SECRETS = ("password", "application_credential_secret", "token", "passcode", "access_token", "client_secret")
_HINT = (
    "set an entry of clouds.yaml in the spec (`provider.openstack.cloud`) or in OS_CLOUD, or load the "
    "project's openrc file (OS_AUTH_URL, OS_USERNAME, …) into this shell"
)


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """The location of the credentials: `cloud` is the entry of `file`, or None for the environment."""

    cloud: str | None
    file: Path | None
    secure: Path | None

    def __str__(self) -> str:
        if self.cloud is None:
            return "the OS_* environment"
        return f"cloud '{self.cloud}' of {self.file}"


def source(chosen: Settings, context: ProviderContext) -> CredentialSource:
    """Find the credentials. Raises `CredentialsRefused` if there are none."""
    cloud = chosen.cloud or context.env.get("OS_CLOUD")
    if cloud is None:
        if not any(name.startswith("OS_") and name not in _SELECTORS for name in context.env):
            raise CredentialsRefused(
                "there are no credentials for OpenStack: the spec sets no cloud, and OS_* is not set",
                hint=_HINT,
                code="KB1101",
            )
        return CredentialSource(None, None, None)
    places = _places(context)
    named = context.env.get("OS_CLIENT_CONFIG_FILE")
    if named and not Path(named).is_file():
        raise CredentialsRefused(
            f"OS_CLIENT_CONFIG_FILE is {named}, which does not exist", hint=_HINT, code="KB1101"
        )
    file = Path(named).absolute() if named else _first("clouds", places)
    if file is None:
        searched = ", ".join(str(place) for place in places)
        raise CredentialsRefused(
            f"there is no clouds.yaml for the cloud '{cloud}'",
            hint=f"download it from the cloud's web interface into one of these folders: {searched}",
            code="KB1101",
        )
    secure = context.env.get("OS_CLIENT_SECURE_FILE")
    return CredentialSource(cloud, file, Path(secure).absolute() if secure else _first("secure", places))


def variables(found: CredentialSource, chosen: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which OpenTofu's provider finds the same credentials. No secrets.

    The provider completes an entry of clouds.yaml from OS_* variables, which the SDK ignores in this case. So
    the variables, which may be of another project's openrc, are set to empty, which counts as not set.
    """
    result: dict[str, str] = {}
    if found.cloud is not None:
        result |= {name: "" for name in env if name.startswith("OS_") and name not in _SELECTORS}
        result |= {"OS_CLIENT_CONFIG_FILE": str(found.file)}
        result |= {"OS_CLIENT_SECURE_FILE": str(found.secure)} if found.secure else {}
        result |= {"OS_CLOUD": found.cloud} if chosen.cloud is None else {}
    elif "OS_AUTH_URL" not in env and chosen.profile:
        result["OS_AUTH_URL"] = chosen.profile.auth_url
    return result


def region_config(found: CredentialSource, chosen: Settings, context: ProviderContext) -> CloudRegion:
    """Load the credentials into the SDK's configuration, and add the secrets to the redactor.

    Blocks. Raises `CredentialsRefused` for an entry that is missing or incomplete, and
    `PrerequisiteMissing` for a clouds.yaml that cannot be read.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.config.loader import OpenStackConfig
    from openstack.exceptions import SDKException
    from openstack.warnings import ConfigurationWarning

    region = chosen.region or context.env.get("OS_REGION_NAME")
    extra: dict[str, Any] = {"region_name": region} if region else {}
    common: dict[str, Any] = {
        "load_envvars": False,
        "override_defaults": {"api_timeout": API_TIMEOUT},
        "app_name": "kbootstrap",
    }
    clouds = entries(found)
    try:
        if found.cloud is None:
            config = OpenStackConfig(load_yaml_config=False, **common)
            extra = {**_from_environment(context.env), **extra}
        else:
            files, secure = [str(found.file)], [str(found.secure)] if found.secure else []
            config = OpenStackConfig(config_files=files, secure_files=secure, **common)
            entry = config.cloud_config["clouds"].get(found.cloud, {})
            if region and "regions" not in entry:
                # For the SDK the entry's region is the only one; here it is a default.
                entry["region_name"] = region
        with warnings.catch_warnings():  # the SDK only warns of an invalid profile
            warnings.simplefilter("error", ConfigurationWarning)
            bare = config.get_one(cloud=found.cloud, validate=False, **extra)
        for name in _SECRETS:
            for value in (bare.config["auth"].get(name), bare.config.get(name)):
                context.redactor.add(str(value or ""))
        if not bare.config["auth"].get("auth_url") and "auth_url" not in extra and chosen.profile:
            extra["auth"] = {"auth_url": chosen.profile.auth_url}
        return config.get_one(cloud=found.cloud, **extra)
    except ConfigurationWarning as error:
        raise CredentialsRefused(
            f"the credentials in {found} are not usable: {str(error).rstrip('.')}",
            hint="remove `profile:` from the entry and set `auth_url:` below `auth:`, or correct the profile",
            code="KB1101",
        ) from error
    except (SDKException, ClientException, TypeError, AttributeError, KeyError, ValueError) as error:
        raise CredentialsRefused(
            f"the credentials in {found} are not usable: {context.redactor.clean(str(error)).rstrip('.')}",
            hint=f"clouds in {found.file}: {', '.join(clouds) or 'none'}" if found.file else _HINT,
            code="KB1101",
        ) from error


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    return {
        name.removeprefix("OS_").lower(): value
        for name, value in env.items()
        if name.startswith("OS_") and name not in _SELECTORS and value
    }


def entries(found: CredentialSource) -> Mapping[str, Any]:
    """Return the entries of clouds.yaml as written. Raises `PrerequisiteMissing` for an invalid file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if found.file is None:
        return {}
    try:
        content = dict(YAML(typ="safe", pure=True).load(found.file.read_text("utf-8"))["clouds"])
        return {str(name): entry for name, entry in content.items()}
    except (OSError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise PrerequisiteMissing(
            f"{found.file} cannot be read, or has no `clouds`",
            hint="download clouds.yaml again from the cloud's web interface",
            code="KB1102",
        ) from error


def _places(context: ProviderContext) -> list[Path]:
    home = context.env.get("HOME")
    folders = [context.space.base.parent, Path.cwd()]
    folders += [Path(home, ".config", "openstack")] if home else []
    return list(dict.fromkeys([*folders, Path("/etc/openstack")]))


def _first(name: str, places: list[Path]) -> Path | None:
    files = (place / f"{name}{end}" for place in places for end in (".yaml", ".yml", ".json"))
    return next((file.absolute() for file in files if file.is_file()), None)
