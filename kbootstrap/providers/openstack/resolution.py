"""Settings that the SDK and OpenTofu's provider read differently, resolved once and passed to both.

The SDK resolves them: it supports `regions:`, values per region, profiles and `interface:`. The provider
(1.54, `gophercloud/utils`, `terraform/auth/config.go`) uses no region if an entry has only `regions:`, and
then the first endpoint of the catalogue. It ignores `interface:`, and it resolves relative paths of
certificates in the folder of its root module. These variables override its values or complete them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.credentials import CredentialSource, entries, region_config, source
from kbootstrap.providers.openstack.entry_failures import opening
from kbootstrap.providers.openstack.settings import Settings

if TYPE_CHECKING:
    from openstack.config.cloud_region import CloudRegion

_PUBLIC = "public"
_FILES = {"cacert": "OS_CACERT", "cert": "OS_CERT", "key": "OS_KEY"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """The location of a cluster. `region` is empty if none is set; `files` has absolute paths by variable.

    `read` has the values that OpenTofu's provider reads by itself: the auth URL and the region.
    """

    source: CredentialSource
    auth_url: str
    region: str
    interface: str
    files: Mapping[str, str]
    insecure: bool
    read: tuple[str, str]

    def __str__(self) -> str:
        region = f", region {self.region}" if self.region else ""
        interface = f", {self.interface} endpoints" if self.interface != _PUBLIC else ""
        cloud = f"cloud {self.source.cloud}" if self.source.cloud else "the cloud of the OS_* environment"
        return f"{cloud}{region}{interface}"

    def variables(self) -> dict[str, str]:
        """Return the environment with which OpenTofu's provider uses the same settings. No secrets.

        Settings that it reads in the same way by itself are omitted.
        """
        auth_url, region = self.read
        candidates = {
            "OS_AUTH_URL": self.auth_url if self.auth_url != auth_url else "",
            "OS_REGION_NAME": self.region if self.region != region else "",
            "OS_ENDPOINT_TYPE": self.interface if self.interface != _PUBLIC else "",
            "OS_INSECURE": "true" if self.insecure else "",
            **self.files,
        }
        return {name: value for name, value in candidates.items() if value}


def resolve(chosen: Settings, context: ProviderContext) -> Resolved:
    """Resolve the settings as the SDK does, without requests. Blocks (imports the SDK).

    Raises the errors of `region_config`.
    """
    found = source(chosen, context)
    config = opening(
        lambda: region_config(found, chosen, context), what="log in", found=found, redactor=context.redactor
    )
    entry = entries(found).get(found.cloud or "") or {}
    env = context.env if found.cloud is None else {}
    auth_url = (entry.get("auth") or {}).get("auth_url") or env.get("OS_AUTH_URL") or ""
    region = chosen.region or context.env.get("OS_REGION_NAME") or entry.get("region_name") or ""
    return _resolved(found, config, (str(auth_url), str(region)))


def _resolved(found: CredentialSource, config: CloudRegion, read: tuple[str, str]) -> Resolved:
    values = config.config
    interface = config.get_interface()
    files = {
        variable: str(Path(str(path)).expanduser().absolute())
        for name, variable in _FILES.items()
        if (path := values.get(name))
    }
    return Resolved(
        found,
        auth_url=str(values["auth"].get("auth_url") or ""),
        region=config.get_region_name() or "",
        interface=interface if isinstance(interface, str) and interface else _PUBLIC,
        files=files,
        insecure=str(values.get("verify", True)).lower() in {"false", "no", "0"},
        read=read,
    )
