"""Builds the frozen model from validated data. Defaults come from schemas, derived values from `derive`."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from kbootstrap.spec import derive, distributions, prices, schemas
from kbootstrap.spec.build_registries import node_proxy, reference, registries
from kbootstrap.spec.format_quantities import seconds
from kbootstrap.spec.images import AutoscalerPods, ContainerImage
from kbootstrap.spec.maintenance import DAYS, Maintenance, MaintenanceWindow, clock
from kbootstrap.spec.model import (
    CONTROL_PLANE,
    S3,
    ApiSettings,
    Artifacts,
    Autoscaling,
    BucketSettings,
    Cluster,
    HostSpec,
    Kubernetes,
    LoadBalancer,
    Network,
    Pool,
    ProviderSpec,
    Snapshots,
    Spec,
    SshSettings,
    StateSettings,
    Taint,
    Volume,
)
from kbootstrap.spec.source_map import SourceMap

Data = Mapping[str, Any]


def spec(data: Data, clusters: tuple[Cluster, ...], path: Path, source: SourceMap) -> Spec:
    """Return the spec for clusters that are already built."""
    state = schemas.fill(data.get("state", {}), schemas.spec()["properties"]["state"])
    (backend,) = state["backend"].items()
    encryption = state.get("encryption")
    passphrase = reference(encryption["passphrase"]) if encryption else None
    costs, limit = data.get("prices"), data.get("budget")
    return Spec(
        str(data["name"]),
        clusters,
        StateSettings(backend[0], backend[1], passphrase),
        path,
        source,
        prices.prices(costs) if costs is not None else None,
        prices.budget(limit) if limit is not None else None,
        data,
    )


def cluster(spec_name: str, name: str, data: Data) -> Cluster:
    """Return one cluster; `data` is valid according to the schemas."""
    data = schemas.fill(data, schemas.spec()["definitions"]["cluster"])
    ((provider, settings),) = data["provider"].items()
    settings = schemas.fill(settings, schemas.provider(provider), schemas.provider(provider))
    snapshots = data.get("snapshots")
    control_plane = _pool(CONTROL_PLANE, data["control_plane"])
    endpoint = data["api"].get("endpoint") or schemas.endpoint(provider, control_plane.nodes)
    return Cluster(
        name=name,
        provider=ProviderSpec(provider, settings),
        kubernetes=_kubernetes(data["kubernetes"]),
        network=_network(spec_name, name, provider, data.get("network")),
        api=ApiSettings(endpoint, _cidrs(data["api"]["allowed_cidrs"])),
        control_plane=control_plane,
        pools=tuple(_pool(pool["name"], pool) for pool in data["pools"]),
        ssh=_ssh(data["ssh"]),
        artifacts=Artifacts(data["artifacts"].get("mirror")),
        snapshots=_snapshots(snapshots) if snapshots is not None else None,
        load_balancers=tuple(
            LoadBalancer(b["name"], tuple(int(p) for p in b["ports"]), b["pool"])
            for b in data["ingress"]["load_balancers"]
        ),
        pod_isolation=data["isolation"]["pods"],
        buckets=tuple(BucketSettings(b["name"], b["versioning"]) for b in data["buckets"]),
        registries=registries(data["registries"]) if "registries" in data else None,
        proxy=node_proxy(data["proxy"]) if "proxy" in data else None,
        maintenance=_maintenance(data["maintenance"]) if "maintenance" in data else None,
        autoscaler=_autoscaler(data["autoscaler"]) if "autoscaler" in data else None,
    )


def _kubernetes(data: Data) -> Kubernetes:
    return Kubernetes(
        distribution=data["distribution"],
        version=data["version"],
        secrets_encryption=data["secrets_encryption"],
        profile=data.get("profile"),
        disable=tuple(data.get("disable", distributions.traits(data["distribution"]).disable)),
        pod_cidr=IPv4Network(data["pod_cidr"]),
        service_cidr=IPv4Network(data["service_cidr"]),
        cni=data.get("cni"),
        ingress_controller=data.get("ingress_controller"),
    )


def _network(spec_name: str, name: str, provider: str, data: Data | None) -> Network | None:
    if data is not None:
        return Network(
            IPv4Network(data["cidr"]), IPv4Network(data["control_plane"]), IPv4Network(data["agents"])
        )
    return derive.network(spec_name, name) if schemas.trait(provider, "network") == "optional" else None


def _pool(name: str, data: Data) -> Pool:
    hosts = tuple(
        HostSpec(h["name"], h["address"], h["labels"], h.get("port"), h.get("ssh_host"))
        for h in data.get("hosts", ())
    )
    bounds, flavor = data.get("autoscaling"), data.get("flavor")
    if bounds and flavor is None:
        flavor = next(iter(bounds.get("flavors", ())), None)
    autoscaling = _autoscaling(bounds, flavor) if bounds else None
    nodes = len(hosts) if hosts else autoscaling.min if autoscaling else int(data.get("nodes", 1))
    return Pool(
        name=name,
        nodes=nodes,
        autoscaling=autoscaling,
        flavor=flavor,
        labels=data["labels"],
        taints=tuple(taint(text) for text in data["taints"]),
        max_unavailable=at_once(data.get("max_unavailable", 1), nodes),
        anti_affinity=data["anti_affinity"],
        volumes=tuple(
            Volume(v["name"], int(v["size_gib"]), v.get("type"), v["mount"]) for v in data["volumes"]
        ),
        hosts=hosts,
        renamed_from=tuple(data.get("renamed_from", ())),
    )


def _autoscaling(data: Data, flavor: str | None) -> Autoscaling:
    return Autoscaling(
        min=int(data["min"]),
        max=int(data["max"]),
        flavors=tuple(data.get("flavors", () if flavor is None else (flavor,))),
        scale_down_after=seconds(data["scale_down_after"]),
        priority=int(data["priority"]),
    )


def _autoscaler(data: Data) -> AutoscalerPods:
    return AutoscalerPods(_image(data["cluster_autoscaler"]), _image(data["server"]))


def _image(data: Data) -> ContainerImage:
    return ContainerImage(data["image"], data.get("file"), data.get("sha256"))


def at_once(written: int | str, nodes: int) -> int:
    """Return how many of a pool's nodes may be unavailable, from a number or a percentage (`25%`).

    A percentage is rounded down, as in Kubernetes ("Max Unavailable" of Deployments), but to at least one.
    """
    if isinstance(written, str):
        return max(1, nodes * int(written.removesuffix("%")) // 100)
    return int(written)


def taint(text: str) -> Taint:
    """Return a taint from `key=value:Effect` or `key:Effect`; the syntax is already validated."""
    body, _, effect = text.rpartition(":")
    key, _, value = body.partition("=")
    return Taint(key, value, effect)  # type: ignore[arg-type] # the format check knows the effects


def _ssh(data: Data) -> SshSettings:
    key = data.get("private_key")
    return SshSettings(
        user=data.get("user"),
        private_key=reference(key) if key is not None else None,
        authorized_keys=tuple(k if isinstance(k, str) else reference(k) for k in data["authorized_keys"]),
        allowed_cidrs=_cidrs(data["allowed_cidrs"]),
        port=data.get("port"),
    )


def _snapshots(data: Data) -> Snapshots:
    s3, passphrase = data.get("s3"), data.get("passphrase")
    return Snapshots(
        schedule=data["schedule"],
        retention=int(data["retention"]),
        s3=_s3(s3) if s3 is not None else None,
        passphrase=reference(passphrase) if passphrase is not None else None,
    )


def _maintenance(data: Data) -> Maintenance:
    return Maintenance(
        window=_window(data["window"]) if "window" in data else None,
        os_updates=data["os_updates"],
        reboot=data["reboot"],
    )


def _window(data: Data) -> MaintenanceWindow:
    days = tuple(day for day in DAYS if day in data["days"])
    return MaintenanceWindow(days, clock(data["from"]), clock(data["to"]), data["timezone"])


def _s3(data: Data) -> S3:
    secret, authority = data.get("credentials"), data.get("ca")
    return S3(
        bucket=data["bucket"],
        endpoint=data["endpoint"],
        region=data["region"],
        folder=data.get("folder"),
        credentials=reference(secret) if secret is not None else None,
        insecure=data.get("insecure", False),
        ca=reference(authority) if authority is not None else None,
    )


def _cidrs(data: list[str]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in data)
