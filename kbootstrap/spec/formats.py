"""The values of `format` in the schemas, each with its syntax check, which returns a flaw or None."""

from __future__ import annotations

from collections.abc import Callable

from kbootstrap.spec import (
    format_kubernetes,
    format_names,
    format_network,
    format_quantities,
    format_registries,
    format_times,
)
from kbootstrap.spec.flaw import Flaw

FORMATS: dict[str, Callable[[str], Flaw | None]] = {
    "absolute-path": format_kubernetes.absolute_path,
    "address": format_network.address,
    "api-endpoint": format_network.api_endpoint,
    "bucket-name": format_names.bucket_name,
    "container-image": format_registries.container_image,
    "cidr": format_network.cidr,
    "clock-time": format_times.clock_time,
    "currency": format_quantities.currency,
    "cron": format_kubernetes.schedule,
    "dns-label": format_names.dns_label,
    "duration": format_quantities.duration,
    "env-name": format_names.env_name,
    "ipv4": format_network.ipv4,
    "listen-address": format_network.listen_address,
    "kubernetes-version": format_kubernetes.kubernetes_version,
    "label-key": format_kubernetes.label_key,
    "label-value": format_kubernetes.label_value,
    "mirror": format_network.mirror,
    "node-name": format_names.node_name,
    "percentage": format_kubernetes.percentage,
    "no-proxy": format_registries.no_proxy,
    "public-key": format_kubernetes.public_key,
    "registry-host": format_registries.registry_host,
    "registry-name": format_registries.registry_name,
    "taint": format_kubernetes.taint,
    "time-zone": format_times.time_zone,
    "url": format_network.url,
    "user-name": format_names.user_name,
}


def fault(value: str, name: str | None) -> Flaw | None:
    """Return the flaw of a value of the format `name`; None if it is valid, or if the format is unknown."""
    check = FORMATS.get(name or "")
    return check(value) if check else None
