"""The thread that carries out what Octavia's database asks for, and settles the states there."""

import threading
import time
from typing import Any

from octavia.common import utils
from octavia.db import api, models, repositories
from oslo_log import log

from kbootstrap_cloud.balancer import Balancer

LOG = log.getLogger(__name__)
_LOOK_AGAIN_SECONDS = 2
# Children before their parents, so that deletion leaves no reference behind.
_CHILDREN = (
    models.L7Rule,
    models.L7Policy,
    models.Member,
    models.HealthMonitor,
    models.Pool,
    models.Listener,
)


class Reconciler(threading.Thread):
    """Sleeps until `awake` is set, or some seconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="reconciler")
        self.awake = threading.Event()
        self._records = repositories.Repositories().load_balancer
        self._network: Any = None

    def run(self) -> None:
        """Run until the process ends; what fails is logged and tried again."""
        while True:
            self.awake.wait(_LOOK_AGAIN_SECONDS)
            self.awake.clear()
            try:
                self._look()
            except Exception:
                LOG.exception("load balancers cannot be looked at")
            time.sleep(0.1)

    def _look(self) -> None:
        for balancer, status in self._balancers():
            if status.startswith("PENDING"):
                try:
                    self._settle(balancer, status)
                except Exception:
                    LOG.exception("load balancer %s", balancer)
                    self._update(balancer, provisioning_status="ERROR")
            elif status == "ACTIVE":
                self._health(balancer)

    def _balancers(self) -> list[tuple[str, str]]:
        session = api.get_session()
        with session.begin():
            rows = session.query(models.LoadBalancer.id, models.LoadBalancer.provisioning_status).all()
        return [(identity, status) for identity, status in rows if status != "DELETED"]

    def _settle(self, identity: str, status: str) -> None:
        if self._network is None:
            self._network = utils.get_network_driver()
        session = api.get_session()
        with session.begin():
            record = self._records.get(session, id=identity)
        balancer = Balancer(record)
        if status == "PENDING_DELETE":
            balancer.unplug()
            self._network.deallocate_vip(record.vip)
            with session.begin():
                for child in self._children(session, identity):
                    session.delete(child)
            self._update(identity, provisioning_status="DELETED", operating_status="OFFLINE")
            return
        self._network.update_vip_sg(record, record.vip)
        balancer.plug(self._network.network_proxy)
        balancer.serve()
        with session.begin():
            for child in self._children(session, identity):
                if child.provisioning_status == "PENDING_DELETE":
                    session.delete(child)
                elif child.provisioning_status.startswith("PENDING"):
                    child.provisioning_status = "ACTIVE"
                    child.operating_status = "NO_MONITOR" if isinstance(child, models.Member) else "ONLINE"
        self._update(identity, provisioning_status="ACTIVE", operating_status="ONLINE")

    def _health(self, identity: str) -> None:
        session = api.get_session()
        with session.begin():
            record = self._records.get(session, id=identity)
        states = Balancer(record).member_states()
        if not states:
            return
        with session.begin():
            for child in self._children(session, identity):
                if isinstance(child, models.Member) and child.id in states:
                    child.operating_status = states[child.id]

    def _update(self, identity: str, **columns: str) -> None:
        session = api.get_session()
        with session.begin():
            self._records.update(session, identity, **columns)

    @staticmethod
    def _children(session: Any, balancer: str) -> list[Any]:
        found: list[Any] = []
        for model in _CHILDREN:
            query = session.query(model)
            if model in {models.Member, models.HealthMonitor}:
                query = query.join(models.Pool, models.Pool.id == model.pool_id)
                owner = models.Pool
            elif model is models.L7Policy:
                query = query.join(models.Listener, models.Listener.id == model.listener_id)
                owner = models.Listener
            elif model is models.L7Rule:
                query = query.join(models.L7Policy, models.L7Policy.id == model.l7policy_id)
                query = query.join(models.Listener, models.Listener.id == models.L7Policy.listener_id)
                owner = models.Listener
            else:
                owner = model
            found += query.filter(owner.load_balancer_id == balancer).all()
        return found
