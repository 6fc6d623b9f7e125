"""Builds the parts of the model that say where nodes get images, and through which proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.spec.model import (
    FromEnvironment,
    FromFile,
    NodeProxy,
    Reference,
    Registries,
    RegistryAccess,
    RegistryMirror,
)

Data = Mapping[str, Any]


def registries(data: Data) -> Registries:
    """Return the registries of a cluster; `data` is valid and has all defaults."""
    return Registries(
        mirrors={
            name: RegistryMirror(tuple(one["endpoints"]), dict(one["rewrites"]))
            for name, one in sorted(data["mirrors"].items())
        },
        access={name: _access(one) for name, one in sorted(data["configs"].items())},
        system_default=data.get("system_default_registry"),
        embedded=data["embedded_mirror"],
        default_endpoint=data["default_endpoint"],
    )


def node_proxy(data: Data) -> NodeProxy:
    """Return the proxy of a cluster's nodes; `data` is valid and has all defaults."""
    return NodeProxy(data["url"], tuple(data["no_proxy"]), _optional(data, "credentials"))


def reference(data: Data) -> Reference:
    """Return the source of a value."""
    return FromEnvironment(data["env"]) if "env" in data else FromFile(data["file"])


def _access(data: Data) -> RegistryAccess:
    return RegistryAccess(
        credentials=_optional(data, "credentials"),
        ca=_optional(data, "ca"),
        client_certificate=_optional(data, "client_certificate"),
        client_key=_optional(data, "client_key"),
        insecure=data["insecure"],
    )


def _optional(data: Data, key: str) -> Reference | None:
    return reference(data[key]) if key in data else None
