"""Load balancers of Octavia as configurations of haproxy, and its statistics as states of members. Pure."""

from collections.abc import Iterator
from typing import Any

_BALANCE = {
    "ROUND_ROBIN": "roundrobin",
    "LEAST_CONNECTIONS": "leastconn",
    "SOURCE_IP": "source",
    "SOURCE_IP_PORT": "source",
}
_PROXY = {"PROXY": " send-proxy", "PROXYV2": " send-proxy-v2"}
_DATAGRAMS = {"UDP", "SCTP"}  # haproxy balances streams only
_UUID = 36
_NAME_FIELD, _STATE_FIELD = 1, 17  # of "show stat" (haproxy's management guide, section 9.1)


def listeners(balancer: Any) -> list[Any]:
    """Return the listeners that take connections."""
    return [it for it in balancer.listeners if _lives(it) and it.protocol not in _DATAGRAMS]


def configuration(balancer: Any, folder: str) -> str:
    """Return haproxy.cfg; the control socket and the process ID go to `folder`."""
    lines = [
        "global",
        " maxconn 2000",
        f" stats socket {folder}/sock mode 600",
        f" pidfile {folder}/pid",
        "defaults",
        " timeout connect 5s",
        " retries 3",
        " option redispatch",
        " timeout client 50s",
        " timeout server 50s",
    ]
    for listener in listeners(balancer):
        lines += _frontend(listener, balancer.vip.ip_address)
        if listener.default_pool and _lives(listener.default_pool):
            lines += _backend(listener, listener.default_pool)
    return "\n".join(lines) + "\n"


def member_states(statistics: str) -> dict[str, str]:
    """Return the operating status of each member from what haproxy answers to `show stat`."""
    found = {}
    for line in statistics.splitlines():
        fields = line.split(",")
        if len(fields) > _STATE_FIELD and len(fields[_NAME_FIELD]) == _UUID:
            state = fields[_STATE_FIELD]
            if state == "no check":
                found[fields[_NAME_FIELD]] = "NO_MONITOR"
            else:  # "UP", "UP 1/2", "DOWN", "MAINT", …
                found[fields[_NAME_FIELD]] = "ERROR" if state.startswith("DOWN") else "ONLINE"
    return found


def _lives(thing: Any) -> bool:
    return thing.enabled and thing.provisioning_status not in {"PENDING_DELETE", "DELETED"}


def _mode(listener: Any) -> str:
    return " mode http" if listener.protocol == "HTTP" else " mode tcp"


def _frontend(listener: Any, address: str) -> Iterator[str]:
    yield f"frontend {listener.id}"
    yield _mode(listener)
    yield f" bind {address}:{listener.protocol_port}"
    if listener.allowed_cidrs:
        yield " acl allowed src " + " ".join(allowed.cidr for allowed in listener.allowed_cidrs)
        yield " tcp-request connection reject unless allowed"
    if listener.timeout_client_data:
        yield f" timeout client {listener.timeout_client_data}"
    if listener.default_pool and _lives(listener.default_pool):
        yield f" default_backend {listener.default_pool.id}:{listener.id}"


def _backend(listener: Any, pool: Any) -> Iterator[str]:
    yield f"backend {pool.id}:{listener.id}"
    yield _mode(listener)
    yield f" balance {_BALANCE.get(pool.lb_algorithm, 'roundrobin')}"
    if listener.timeout_member_data:
        yield f" timeout server {listener.timeout_member_data}"
    monitor = pool.health_monitor if pool.health_monitor and _lives(pool.health_monitor) else None
    if monitor:
        yield from _monitor(monitor)
    for member in pool.members:
        if _lives(member):
            server = (
                f" server {member.id} {member.ip_address}:{member.protocol_port} weight {member.weight or 0}"
            )
            backup = " backup" if member.backup else ""
            yield server + backup + _check(monitor, member) + _PROXY.get(pool.protocol, "")


def _monitor(monitor: Any) -> Iterator[str]:
    yield f" timeout check {monitor.timeout}s"
    if monitor.type in {"HTTP", "HTTPS"}:
        yield f" option httpchk {monitor.http_method or 'GET'} {monitor.url_path or '/'}"
        codes = (monitor.expected_codes or "200").replace(",", "|").replace("-", "|")
        yield f" http-check expect rstatus {codes}"
    elif monitor.type == "TLS-HELLO":
        yield " option ssl-hello-chk"


def _check(monitor: Any, member: Any) -> str:
    if monitor is None:
        return ""
    words = [f" check inter {monitor.delay}s", f"fall {monitor.fall_threshold} rise {monitor.rise_threshold}"]
    if monitor.type == "HTTPS":
        words.append("check-ssl verify none")
    if member.monitor_address:
        words.append(f"addr {member.monitor_address}")
    if member.monitor_port:
        words.append(f"port {member.monitor_port}")
    return " ".join(words)
