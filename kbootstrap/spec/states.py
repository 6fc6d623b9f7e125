"""The backend settings of each cluster's state, with a separate location for every cluster.

Settings are taken from the spec; `{spec}` and `{cluster}` in them are replaced. If the spec does not set the
location, it is derived from the names, for backends whose location is a name and not an address. S3 storage
other than AWS gets the options that it always needs (OpenTofu, "S3 backend": skip_… and use_path_style).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.spec.model import Cluster, Spec

PLACES: Mapping[str, tuple[str, str]] = {
    "local": ("path", "terraform.tfstate"),
    "s3": ("key", "{spec}/{cluster}/terraform.tfstate"),
    "gcs": ("prefix", "{spec}/{cluster}"),
    "azurerm": ("key", "{spec}/{cluster}/terraform.tfstate"),
    "pg": ("schema_name", "kbootstrap_{spec}_{cluster}"),
    "consul": ("path", "{spec}/{cluster}"),
    "kubernetes": ("secret_suffix", "{spec}-{cluster}"),
    "oss": ("prefix", "{spec}/{cluster}"),
    "cos": ("prefix", "{spec}/{cluster}"),
    "http": ("address", ""),
}
"""For each backend, the setting that distinguishes states, and its default ("": required in the spec)."""

_NOT_AWS: Mapping[str, Any] = {
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
    "skip_s3_checksum": True,
    "use_path_style": True,
}


def backend_settings(spec: Spec, cluster: Cluster) -> dict[str, Any]:
    """Return the settings of a cluster's backend, in the order in which they are rendered."""
    name, written = spec.state.backend, spec.state.settings
    if in_the_root(spec):
        return {}
    place, default = PLACES.get(name, ("", ""))
    found = dict(written)
    if place and default and place not in found:
        found[place] = default
    if name == "s3":
        found = _s3(found)
    filled: dict[str, Any] = _filled(found, {"spec": spec.name, "cluster": cluster.name})
    return filled


def in_the_root(spec: Spec) -> bool:
    """Return whether the state of each cluster is a file in its root."""
    return spec.state.backend == "local" and not spec.state.settings


def shared(spec: Spec) -> bool:
    """Return whether several clusters of a spec would store their states in the same location."""
    found = [backend_settings(spec, cluster) for cluster in spec.clusters]
    path = str(spec.state.settings.get("path", ""))
    apart = spec.state.backend == "local" and not path.startswith(("/", ".."))  # one folder per cluster
    return not apart and any(one in found[:number] for number, one in enumerate(found))


def s3_endpoint(spec: Spec) -> str | None:
    """Return the address of an S3 storage other than AWS, or None."""
    if spec.state.backend != "s3":
        return None
    settings = spec.state.settings
    endpoints = settings.get("endpoints")
    found = endpoints.get("s3") if isinstance(endpoints, Mapping) else settings.get("endpoint")
    return str(found) if found else None


def _s3(settings: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(settings)
    if "endpoint" in found:  # the setting's name before 1.6
        found["endpoints"] = {"s3": found.pop("endpoint")}
    if "endpoints" in found:
        found = {**found, **{key: value for key, value in _NOT_AWS.items() if key not in found}}
        found.setdefault("region", "us-east-1")
    return found


def _filled(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    return value
