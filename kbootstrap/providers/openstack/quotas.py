"""Limits and usage of a project, as reported by its cloud: one row for each resource."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kbootstrap.providers.cloud.preflight import TITLES as MACHINES
from kbootstrap.providers.cloud.preflight import Quota

if TYPE_CHECKING:
    from openstack.connection import Connection

T = TypeVar("T")
TITLES = {
    **MACHINES,
    "networks": "networks",
    "subnets": "subnets",
    "routers": "routers",
    "ports": "ports",
    "floating_ips": "floating IPs",
    "security_groups": "security groups",
    "security_group_rules": "security group rules",
    "server_groups": "server groups",
    "load_balancers": "load balancers",
}
_COMPUTE = ("instances", "cores", "ram", "server_groups")
_NETWORK = (
    "networks",
    "subnets",
    "routers",
    "ports",
    "floating_ips",
    "security_groups",
    "security_group_rules",
)


@dataclass(frozen=True, slots=True)
class Quotas:
    """All rows, and the maximum number of machines in one server group (None: no limit)."""

    rows: dict[str, Quota]
    group_members: int | None


def read(sdk: Connection, wanted: Collection[str]) -> Quotas:
    """Read the quotas of `wanted`, only from services that the cluster uses. Blocks.

    If a service does not report its quotas, its rows have no numbers. The service then rejects what exceeds
    them.
    """
    project = sdk.session.get_project_id() or ""
    absolute = _if_reported(lambda: sdk.compute.get_limits().absolute)
    rows = [_unknown(name) for name in _COMPUTE]
    if absolute is not None:
        rows = [
            _row("instances", absolute.instances, absolute.instances_used),
            _row("cores", absolute.total_cores, absolute.total_cores_used),
            _row("ram", absolute.total_ram, absolute.total_ram_used),
            _row("server_groups", absolute.server_groups, absolute.server_groups_used),
        ]
    if not set(_NETWORK).isdisjoint(wanted):
        rows += _if_reported(lambda: _network(sdk, project)) or [_unknown(name) for name in _NETWORK]
    if not {"volumes", "gigabytes"}.isdisjoint(wanted):
        rows += _if_reported(lambda: _volumes(sdk)) or [_unknown("volumes"), _unknown("gigabytes")]
    if "load_balancers" in wanted:
        rows.append(_if_reported(lambda: _load_balancers(sdk, project)) or _unknown("load_balancers"))
    members = absolute.server_group_members if absolute is not None else None
    return Quotas({row.name: row for row in rows}, members if members is not None and members >= 0 else None)


def _if_reported(question: Callable[[], T]) -> T | None:
    """Return the result; None if the service rejects or fails the request."""
    from openstack.exceptions import HttpException

    try:
        return question()
    except HttpException:
        return None


def _volumes(sdk: Connection) -> list[Quota]:
    volume = sdk.block_storage.get_limits().absolute
    return [
        _row("volumes", volume.max_total_volumes, volume.total_volumes_used),
        _row("gigabytes", volume.max_total_volume_gigabytes, volume.total_gigabytes_used),
    ]


def _load_balancers(sdk: Connection, project: str) -> Quota:
    limit = sdk.load_balancer.get_quota(project).load_balancers
    listed = sdk.load_balancer.load_balancers(project_id=project)
    # For administrators the list may still have those of all projects.
    return _row("load_balancers", limit, sum(load.project_id in {None, project} for load in listed))


def _network(sdk: Connection, project: str) -> list[Quota]:
    """Read Neutron's quotas. The usage is an extension (`quota_details`) that old clouds lack."""
    from openstack.exceptions import NotFoundException

    try:
        details = sdk.network.get_quota(project, details=True)
    except NotFoundException:
        plain = sdk.network.get_quota(project)
        return [_row(name, getattr(plain, name), _count(sdk, name, project)) for name in _NETWORK]
    return [_detail(name, getattr(details, name)) for name in _NETWORK]


def _detail(name: str, detail: Any) -> Quota:  # noqa: ANN401 - JSON
    if not isinstance(detail, dict):
        return _unknown(name)
    return _row(name, detail.get("limit"), int(detail.get("used", 0)) + int(detail.get("reserved", 0)))


def _count(sdk: Connection, name: str, project: str) -> int:
    listing: dict[str, Callable[..., Any]] = {
        "networks": sdk.network.networks,
        "subnets": sdk.network.subnets,
        "routers": sdk.network.routers,
        "ports": sdk.network.ports,
        "floating_ips": sdk.network.ips,
        "security_groups": sdk.network.security_groups,
        "security_group_rules": sdk.network.security_group_rules,
    }
    return sum(1 for _ in listing[name](project_id=project))


def _unknown(name: str) -> Quota:
    return Quota(name, None, None, known=False)


def _row(name: str, limit: int | None, used: int | None) -> Quota:
    return Quota(name, limit if limit is not None and limit >= 0 else None, used)
