"""Octavia's provider: every call only wakes a thread that brings the data plane to what the database says.

So one place settles all PENDING states, whatever was called, as a controller would.
"""

import threading
from typing import Any, NoReturn

from octavia_lib.api.drivers import provider_base

from kbootstrap_cloud.reconciler import Reconciler

_AFTER_COMMIT_SECONDS = 0.15
_OBJECTS = ("loadbalancer", "listener", "pool", "member", "health_monitor", "l7policy", "l7rule")
_CALLS = [f"{thing}_{verb}" for thing in _OBJECTS for verb in ("create", "update", "delete")]


class HaproxyDriver(provider_base.ProviderDriver):
    """The provider `haproxy`."""

    name = "haproxy"
    _reconciler: Reconciler | None = None

    def __init__(self) -> None:
        super().__init__()
        if HaproxyDriver._reconciler is None:
            HaproxyDriver._reconciler = Reconciler()
            HaproxyDriver._reconciler.start()

    def create_vip_port(self, *_: Any) -> NoReturn:
        """Leave it to Octavia, which then makes a real port in Neutron."""
        raise NotImplementedError

    def wake(self, *_: Any, **__: Any) -> None:
        """Wake the reconciler, once the API has committed what it called about."""
        if self._reconciler is not None:
            timer = threading.Timer(_AFTER_COMMIT_SECONDS, self._reconciler.awake.set)
            timer.daemon = True
            timer.start()

    def get_supported_flavor_metadata(self) -> dict[str, str]:
        """Flavors exist, and mean nothing."""
        return {}

    def validate_flavor(self, flavor_metadata: Any) -> None:
        """Take any."""

    def get_supported_availability_zone_metadata(self) -> dict[str, str]:
        """Zones exist, and mean nothing."""
        return {}

    def validate_availability_zone(self, availability_zone_metadata: Any) -> None:
        """Take any."""


for _call in (*_CALLS, "loadbalancer_failover", "member_batch_update"):
    setattr(HaproxyDriver, _call, HaproxyDriver.wake)
