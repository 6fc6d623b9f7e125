"""What a project may have and what it has, as its cloud tells: one row for each resource."""

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
    """All rows, and how many machines one server group may have (None: no limit)."""

    rows: dict[str, Quota]
    group_members: int | None


def read(sdk: Connection, wanted: Collection[str]) -> Quotas:
    """Ask for what is wanted, and for no service that the cluster does not use. Blocks.

    A service that does not tell its quotas has rows without numbers; what is too much, it will say itself.
    """
    project = sdk.session.get_project_id() or ""
    absolute = _told(lambda: sdk.compute.get_limits().absolute)
    rows = [_unknown(name) for name in _COMPUTE]
    if absolute is not None:
        rows = [
            _row("instances", absolute.instances, absolute.instances_used),
            _row("cores", absolute.total_cores, absolute.total_cores_used),
            _row("ram", absolute.total_ram, absolute.total_ram_used),
            _row("server_groups", absolute.server_groups, absolute.server_groups_used),
        ]
    if not set(_NETWORK).isdisjoint(wanted):
        rows += _told(lambda: _network(sdk, project)) or [_unknown(name) for name in _NETWORK]
    if not {"volumes", "gigabytes"}.isdisjoint(wanted):
        rows += _told(lambda: _volumes(sdk)) or [_unknown("volumes"), _unknown("gigabytes")]
    if "load_balancers" in wanted:
        rows.append(_told(lambda: _load_balancers(sdk, project)) or _unknown("load_balancers"))
    members = absolute.server_group_members if absolute is not None else None
    return Quotas({row.name: row for row in rows}, members if members is not None and members >= 0 else None)


def _told(question: Callable[[], T]) -> T | None:
    """Return the answer; None where the service refuses or fails to give one."""
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
    # Administrators may get those of every project all the same.
    return _row("load_balancers", limit, sum(load.project_id in {None, project} for load in listed))


def _network(sdk: Connection, project: str) -> list[Quota]:
    """Read Neutron's quotas; the numbers in use are an extension (`quota_details`) that old clouds lack."""
    from openstack.exceptions import NotFoundException

    try:
        details = sdk.network.get_quota(project, details=True)
    except NotFoundException:
        plain = sdk.network.get_quota(project)
        return [_row(name, getattr(plain, name), _count(sdk, name, project)) for name in _NETWORK]
    return [_detail(name, getattr(details, name)) for name in _NETWORK]


def _detail(name: str, told: Any) -> Quota:  # noqa: ANN401 - JSON
    if not isinstance(told, dict):
        return _unknown(name)
    return _row(name, told.get("limit"), int(told.get("used", 0)) + int(told.get("reserved", 0)))


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
