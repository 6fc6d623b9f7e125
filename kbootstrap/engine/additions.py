"""What is added to the nodes of a cluster: by its infrastructure, for registries, for autoscaling. Pure."""

from __future__ import annotations

from dataclasses import replace

from kbootstrap.autoscaler.pods import manifest
from kbootstrap.distros import registries
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.model import Distribution
from kbootstrap.providers.context import ClusterDefinition
from kbootstrap.providers.model import Provider


def additions(definition: ClusterDefinition, provider: Provider, distro: Distribution) -> Additions:
    """Return the additions; their manifests are rendered files."""
    found = provider.addons.additions(definition) if provider.addons else NOTHING
    if ports := registries.ports(distro, definition.cluster):
        found = replace(found, ports=(*found.ports, *ports))
    if provider.elastic_access is None:
        return found
    pods = manifest.additions(definition, distro, provider.elastic_access)
    return replace(
        found,
        manifests={**found.manifests, **pods.manifests},
        autoscaler=pods.autoscaler,
        archives=pods.archives,
    )
