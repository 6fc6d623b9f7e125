"""The credential of a cluster: created for it, and stored only in a Secret of the cluster.

It is a restricted application credential of Keystone with only the required roles. It belongs to the user
whose credentials created it, and has the cluster's name in the cloud. Keystone returns its secret only at
creation, so a new credential is created if the Secret is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kbootstrap.core.diagnostics import Diagnostic
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
        found = _of_cluster(sdk, spec, cluster)
        return frozenset(_mark(one.id, _lines(sdk, cluster)) for one in found)

    return await cloud.ask("list its application credentials", look)


async def make(cloud: Cloud, spec: Spec, cluster: Cluster) -> SecretContent:
    """Create a credential, and remove earlier ones of this cluster.

    Raises `CredentialsRefused` (KB1128) if the operator's credentials may not create one.
    """

    def create(sdk: Connection) -> SecretContent:
        earlier = _of_cluster(sdk, spec, cluster)
        lines = _lines(sdk, cluster)
        for one in earlier:  # names are unique per user
            _delete(sdk, one)
        created = _create(
            sdk, owner(spec, cluster), _marks(spec, cluster), _roles(_token(sdk).role_names or ())
        )
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
    if not settings(cluster).needs_credential:
        return None

    def look(sdk: Connection) -> bool:
        return restricted(sdk) and not _of_cluster(sdk, spec, cluster)

    if not await cloud.ask("list its application credentials", look):
        return None
    key = "cloud_controller" if settings(cluster).cloud_controller else "block_storage"
    return Diagnostic(
        "KB1128",
        f"The cluster needs its own application credential, and {cloud.source} is a restricted one, which "
        "may not create others.",
        f"{_RESTRICTED[0].upper()}{_RESTRICTED[1:]}.",
        spec.source.key(("clusters", cluster.name, "provider", "openstack", key)),
    )


def restricted(sdk: Connection) -> bool:
    """Return whether the connection uses a restricted application credential."""
    token: dict[str, Any] = getattr(_token(sdk), "_data", {}).get("token", {})
    return bool((token.get("application_credential") or {}).get("restricted"))


def remove(sdk: Connection, spec: Spec, cluster: Cluster) -> tuple[str, ...]:
    """Remove the cluster's credential; return the removed names.

    Raises `CredentialsRefused` (KB1128) if the operator's credentials may not remove it.
    """
    found = _of_cluster(sdk, spec, cluster)
    for one in found:
        _delete(sdk, one)
    return tuple(one.name for one in found)


def _of_cluster(sdk: Connection, spec: Spec, cluster: Cluster) -> list[ApplicationCredential]:
    """Return the application credentials of this user for the cluster, in this project."""
    project, marks = sdk.session.get_project_id(), _marks(spec, cluster)
    found = _keystone(sdk).application_credentials(_user(sdk))
    return [one for one in found if one.description == marks and one.project_id in {None, project}]


def _marks(spec: Spec, cluster: Cluster) -> str:
    """Return the description that identifies it: names of two specs can be the same."""
    return mark(spec, cluster)


def _create(sdk: Connection, name: str, marks: str, roles: Collection[str]) -> ApplicationCredential:
    from openstack.exceptions import ForbiddenException

    try:
        return _keystone(sdk).create_application_credential(
            _user(sdk),
            name=name,
            description=marks,
            roles=[{"name": role} for role in roles],
            unrestricted=False,
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


def _roles(held: Collection[str]) -> tuple[str, ...]:
    """Return the roles of the credential: the required ones, or all if the cloud has other role names."""
    wanted = tuple(role for role in ROLES if role in held)
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
