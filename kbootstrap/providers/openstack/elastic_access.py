"""The credential of the autoscaler's server: for the requests that `elastic` and an installation make only.

Keystone calls them access rules; services enforce them if their middleware knows its own type
(keystonemiddleware, option `service_type`), and refuse all requests of such a credential otherwise. What a
service asks of another one on behalf of a user is not limited by them. A rule cannot name single machines:
within its project, the credential may delete any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kbootstrap.providers.capabilities import AccessFiles
from kbootstrap.providers.cloud.operator_keys import authorized_keys
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.openstack import credential
from kbootstrap.providers.openstack.credential import AUTOSCALER
from kbootstrap.providers.openstack.logins import LOGINS
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.model import Cluster

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.identity.v3._proxy import Proxy as Keystone

RULES = tuple(
    {"service": service, "method": method, "path": f"/**/{path}"}
    for service, method, path in (
        ("compute", "GET", "servers/detail"),
        ("compute", "GET", "servers/*"),
        ("compute", "POST", "servers"),
        ("compute", "DELETE", "servers/*"),
        ("compute", "POST", "servers/*/action"),  # its console, for the host key
        ("compute", "GET", "flavors/detail"),
        ("compute", "GET", "os-server-groups"),
        ("compute", "POST", "os-server-groups"),
        ("image", "GET", "images/*"),
        ("image", "GET", "images"),
        ("network", "GET", "networks/*"),
        ("network", "GET", "networks"),
        ("network", "GET", "security-groups"),
    )
)
"""What precedes the path differs between clouds: a prefix of the service, a version, a project."""
ROLES = ("member",)
_CLOUDS, _AUTHORITY = "clouds.yaml", "cloud-ca.pem"
_ENTRY = "kbootstrap"
"""The entry of clouds.yaml if the spec names none."""


class ServerAccess:
    """Implements `ElasticAccess`."""

    def environment(self, definition: ClusterDefinition, folder: str) -> Mapping[str, str]:
        """Return where the pod finds clouds.yaml, and which entry is its own."""
        return {"OS_CLIENT_CONFIG_FILE": f"{folder}/{_CLOUDS}", "OS_CLOUD": _entry(definition.cluster)}

    async def valid(self, context: ProviderContext) -> frozenset[str]:
        """Return the marks of credentials that exist, with the settings that the cloud's entry has now."""

        def look(sdk: Connection) -> frozenset[str]:
            found = credential.of_cluster(sdk, context.spec, context.cluster, AUTOSCALER)
            return frozenset(_mark(one.id, _settings(sdk)) for one in found)

        async with LOGINS.cloud(context) as cloud:
            return await cloud.ask("list its application credentials", look)

    async def make(self, context: ProviderContext, folder: str) -> AccessFiles:
        """Make a credential with access rules, and clouds.yaml with it."""
        spec, cluster = context.spec, context.cluster
        keys = await authorized_keys(context, optional=settings(cluster).key_pair is not None)
        async with LOGINS.cloud(context) as cloud:

            def create(sdk: Connection) -> AccessFiles:
                chosen, authority = _settings(sdk), _authority(sdk)
                made = credential.replace(sdk, spec, cluster, AUTOSCALER, roles=ROLES, rules=RULES)
                cloud.redactor.add(made.secret)
                secret = {
                    "application_credential_id": made.id,
                    "application_credential_secret": made.secret,
                }
                entry = {
                    **chosen,
                    "auth_type": "v3applicationcredential",
                    "auth": {**chosen["auth"], **secret},
                }
                if authority:
                    entry["cacert"] = f"{folder}/{_AUTHORITY}"
                clouds = json.dumps({"clouds": {_entry(cluster): entry}}, indent=2)  # JSON is YAML
                files = {_CLOUDS: f"{clouds}\n", **({_AUTHORITY: authority} if authority else {})}
                return AccessFiles(_mark(made.id, chosen), files, tuple(keys))

            return await cloud.ask("create an application credential", create)

    async def remove(self, context: ProviderContext) -> None:
        """Remove the credential, and its rules if no other credential of the user has them."""

        def remove(sdk: Connection) -> None:
            credential.remove(sdk, context.spec, context.cluster, AUTOSCALER)
            forget_rules(sdk)

        async with LOGINS.cloud(context) as cloud:
            await cloud.ask("remove an application credential", remove)


def forget_rules(sdk: Connection) -> None:
    """Remove access rules of this user that are these, and in use no more: Keystone refuses the others."""
    from openstack.exceptions import HttpException

    keystone, user = cast("Keystone", sdk.identity), str(sdk.current_user_id)
    ours = {(one["service"], one["method"], one["path"]) for one in RULES}
    try:
        for one in keystone.access_rules(user):
            if (one.service, one.method, one.path) in ours:
                keystone.delete_access_rule(user, one.id, ignore_missing=True)
    except HttpException as error:
        # An old Keystone has none; a restricted credential may not see them.
        if (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise


def _entry(cluster: Cluster) -> str:
    return settings(cluster).cloud or _ENTRY


def _settings(sdk: Connection) -> dict[str, Any]:
    """Return the entry of clouds.yaml without credential and authority: where the cloud is."""
    config = sdk.config.config
    found: dict[str, Any] = {
        "auth": {"auth_url": config["auth"]["auth_url"]},
        "interface": sdk.config.get_interface() or "public",
        **{
            key: value
            for key, value in sorted(config.items())
            if key.endswith("_endpoint_override") and value
        },
    }
    if region := sdk.config.get_region_name():
        found["region_name"] = region
    if config.get("verify", True) in {False, "false", "False"}:
        found["verify"] = False
    return found


def _authority(sdk: Connection) -> str:
    """Return the private certificate authority of the cloud; empty if it has none."""
    path = sdk.config.config.get("cacert")
    return Path(str(path)).expanduser().read_text("utf-8") if path else ""


def _mark(made: str, chosen: Mapping[str, Any]) -> str:
    """Return the mark by which a later run checks whether a Secret is still valid. It is not secret."""
    content = json.dumps(chosen, sort_keys=True)
    return f"{made}.{hashlib.sha256(content.encode()).hexdigest()[:12]}"
