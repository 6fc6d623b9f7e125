"""The credentials of a cluster: created for it, and stored only in Secrets of the cluster.

The one of this module is for the cloud controller and the storage driver; `elastic_access` has that of the
autoscaler's server. Each is a restricted application credential of Keystone with only the required roles. It
belongs to the user whose credentials created it, and has the cluster's name in the cloud. Keystone returns
its secret only at creation, so a new credential is created if the Secret is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.distros.additions import SecretContent
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.names import mark, owner
from kbootstrap.providers.openstack.settings import Settings, settings
from kbootstrap.spec.model import Cluster, Spec

if TYPE_CHECKING:
    from keystoneauth1.access.access import AccessInfo
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack.connection import Connection
    from openstack.identity.v3._proxy import Proxy as Keystone
    from openstack.identity.v3.application_credential import ApplicationCredential

ADDONS, AUTOSCALER = "", " autoscaler"
"""Purposes of credentials: what follows the mark of the cluster in their descriptions."""
ROLES = ("member", "load-balancer_member")
"""Roles that the cloud controller and the storage driver need (Octavia: "Policies")."""
_MOUNT = "/etc/config"
"""Where the manifests mount the Secret."""
_RESTRICTED = (
    "use an unrestricted application credential (`openstack application credential create --unrestricted`) "
    "or a password for the run that creates or destroys the cluster"
)


async def valid_credentials(cloud: Cloud, spec: Spec, cluster: Cluster) -> frozenset[str]:
    """Return the marks of Secrets whose credential exists and whose settings match the spec."""

    def look(sdk: Connection) -> frozenset[str]:
        found = of_cluster(sdk, spec, cluster)
        return frozenset(_mark(one.id, _lines(sdk, cluster)) for one in found)

    return await cloud.ask("list its application credentials", look)


async def make(cloud: Cloud, spec: Spec, cluster: Cluster) -> SecretContent:
    """Create a credential, and remove earlier ones of this cluster.

    Raises `CredentialsRefused` (KB1128) if the operator's credentials may not create one.
    """

    def create(sdk: Connection) -> SecretContent:
        lines = _lines(sdk, cluster)
        created = replace(sdk, spec, cluster, roles=ROLES)
        cloud.redactor.add(created.secret)
        files, config = _with_authority(sdk, lines)
        credential = [
            f'application-credential-id = "{created.id}"',
            f'application-credential-secret = "{created.secret}"',
        ]
        text = "\n".join([config[0], *credential, *config[1:], ""])
        return SecretContent(_mark(created.id, lines), {"cloud.conf": text, **files})

    return await cloud.ask("create an application credential", create)


async def problem(cloud: Cloud, spec: Spec, cluster: Cluster) -> Diagnostic | None:
    """Return the problem that prevents creating the credential, if one is needed.

    The token shows whether it is from a restricted application credential, which may not create others.
    """
    needed = _purposes(cluster)
    if not needed:
        return None

    def look(sdk: Connection) -> str | None:
        if not restricted(sdk):
            return None
        return next((one for one in needed if not of_cluster(sdk, spec, cluster, one)), None)

    missing = await cloud.ask("list its application credentials", look)
    if missing is None:
        return None
    key = "cloud_controller" if settings(cluster).cloud_controller else "block_storage"
    path: SpecPath = ("provider", "openstack", key) if missing == ADDONS else ("autoscaler",)
    return Diagnostic(
        "KB1128",
        f"The cluster needs its own application credential, and {cloud.source} is a restricted one, which "
        "may not create others.",
        f"{_RESTRICTED[0].upper()}{_RESTRICTED[1:]}.",
        spec.source.key(("clusters", cluster.name, *path)),
    )


def needs_credential(cluster: Cluster) -> bool:
    """Return whether something in the cluster has a credential of its own."""
    return bool(_purposes(cluster))


def _purposes(cluster: Cluster) -> tuple[str, ...]:
    addons = (ADDONS,) if settings(cluster).needs_credential else ()
    return (*addons, AUTOSCALER) if cluster.autoscaler else addons


def restricted(sdk: Connection) -> bool:
    """Return whether the connection uses a restricted application credential."""
    token: dict[str, Any] = getattr(_token(sdk), "_data", {}).get("token", {})
    return bool((token.get("application_credential") or {}).get("restricted"))


def remove(sdk: Connection, spec: Spec, cluster: Cluster, *purposes: str) -> tuple[str, ...]:
    """Remove the cluster's credentials for these purposes, or all; return the removed names.

    Raises `CredentialsRefused` (KB1128) if the operator's credentials may not remove them.
    """
    names = []
    for purpose in purposes or (ADDONS, AUTOSCALER):
        for one in of_cluster(sdk, spec, cluster, purpose):
            _delete(sdk, one)
            names.append(str(one.name))
    return tuple(names)


def of_cluster(
    sdk: Connection, spec: Spec, cluster: Cluster, purpose: str = ADDONS
) -> list[ApplicationCredential]:
    """Return the application credentials of this user for a purpose of the cluster, in this project.

    They are identified by their description: names of two specs can be the same.
    """
    project, marks = sdk.session.get_project_id(), f"{mark(spec, cluster)}{purpose}"
    found = _keystone(sdk).application_credentials(_user(sdk))
    return [one for one in found if one.description == marks and one.project_id in {None, project}]


def replace(
    sdk: Connection,
    spec: Spec,
    cluster: Cluster,
    purpose: str = ADDONS,
    *,
    roles: Collection[str],
    rules: Sequence[Mapping[str, str]] = (),
) -> ApplicationCredential:
    """Create a credential for a purpose, and remove earlier ones: names are unique for each user.

    It has those of `roles` that the user has, and if there are `rules`, access to nothing else.
    """
    from openstack.exceptions import ForbiddenException

    for one in of_cluster(sdk, spec, cluster, purpose):
        _delete(sdk, one)
    chosen = _roles(_token(sdk).role_names or (), roles)
    limits = {"access_rules": [dict(one) for one in rules]} if rules else {}
    try:
        return _keystone(sdk).create_application_credential(
            _user(sdk),
            name=f"{owner(spec, cluster)}{purpose.replace(' ', '-')}",
            description=f"{mark(spec, cluster)}{purpose}",
            roles=[{"name": role} for role in chosen],
            unrestricted=False,
            **limits,
        )
    except ForbiddenException as error:
        raise _forbidden("create an application credential for the cluster") from error


def _delete(sdk: Connection, one: ApplicationCredential) -> None:
    from openstack.exceptions import ForbiddenException

    try:
        _keystone(sdk).delete_application_credential(_user(sdk), one.id, ignore_missing=True)
    except ForbiddenException as error:
        raise _forbidden(f"remove the application credential {one.name} of the cluster") from error


def _forbidden(what: str) -> CredentialsRefused:
    return CredentialsRefused(f"these credentials may not {what}", hint=_RESTRICTED, code="KB1128")


def _roles(held: Collection[str], needed: Collection[str]) -> tuple[str, ...]:
    """Return the roles of the credential: the required ones, or all if the cloud has other role names."""
    wanted = tuple(role for role in needed if role in held)
    return wanted if "member" in wanted else tuple(sorted(held))


def _token(sdk: Connection) -> AccessInfo:
    return cast("BaseIdentityPlugin", sdk.session.auth).get_access(sdk.session)


def _keystone(sdk: Connection) -> Keystone:
    return cast("Keystone", sdk.identity)


def _user(sdk: Connection) -> str:
    return str(sdk.current_user_id)


def _lines(sdk: Connection, cluster: Cluster) -> list[str]:
    """Return cloud.conf without the credential, from the spec and the cloud."""
    chosen, config = settings(cluster), sdk.config
    verify = config.config.get("verify", True)
    lines = ["[Global]", f'auth-url = "{config.config["auth"]["auth_url"]}"']
    if region := config.get_region_name():
        lines.append(f'region = "{region}"')
    lines.append(f'os-endpoint-type = "{config.get_interface() or "public"}"')
    if verify in {False, "false", "False"}:
        lines.append("tls-insecure = true")
    return [*lines, *_load_balancer(sdk, chosen)]


def _load_balancer(sdk: Connection, chosen: Settings) -> list[str]:
    """Return the section for load balancers. With an empty provider, Octavia chooses one."""
    balancer = chosen.load_balancer
    lines = ["[LoadBalancer]", f'lb-provider = "{balancer.provider or ""}"']
    if balancer.flavor:
        lines.append(f'flavor-id = "{balancer.flavor}"')
    network = sdk.network.find_network(chosen.external_network) if chosen.external_network else None
    if network is not None:
        lines.append(f'floating-network-id = "{network.id}"')
    return lines


def _with_authority(sdk: Connection, lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Add the private certificate authority of the cloud, if it has one: nodes do not trust it."""
    authority = sdk.config.config.get("cacert")
    if not authority:
        return {}, lines
    text = Path(str(authority)).expanduser().read_text("utf-8")
    return {"ca.pem": text}, [lines[0], f'ca-file = "{_MOUNT}/ca.pem"', *lines[1:]]


def _mark(credential: str, lines: list[str]) -> str:
    """Return the mark by which a later run checks whether a Secret is still valid. It is not secret."""
    return f"{credential}.{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"
