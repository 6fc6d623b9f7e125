"""The manifest of both programs, one of the files that `render` shows for each server. Pure."""

from __future__ import annotations

from kbootstrap.autoscaler.pods import cluster_autoscaler, server, settings, yaml_text
from kbootstrap.distros.additions import AUTOSCALER_MANIFEST, Additions, ImageArchive
from kbootstrap.distros.model import Distribution
from kbootstrap.providers.capabilities import ElasticAccess
from kbootstrap.providers.context import ClusterDefinition
from kbootstrap.spec.images import AutoscalerPods

_NOTE = """\
# Cluster Autoscaler and kbootstrap's server for it. The pods wait for the Secrets `kbootstrap-autoscaler` and
# `cluster-autoscaler`, which kbootstrap writes through the API.
"""


def additions(definition: ClusterDefinition, distro: Distribution, access: ElasticAccess) -> Additions:
    """Return what the cluster's servers get; nothing if the spec has no `autoscaler`."""
    chosen = definition.cluster.autoscaler
    if chosen is None:
        return Additions()
    archives = (ImageArchive(one.file, one.sha256) for one in chosen.images if one.file and one.sha256)
    return Additions(
        manifests={AUTOSCALER_MANIFEST: _text(definition, distro, access, chosen)},
        autoscaler=True,
        archives=tuple(dict.fromkeys(archives)),
    )


def _text(
    definition: ClusterDefinition, distro: Distribution, access: ElasticAccess, chosen: AutoscalerPods
) -> str:
    spec, cluster = definition.spec, definition.cluster
    files = settings.files(spec, cluster, definition.lock)
    environment = access.environment(definition, settings.SECRET)
    every = (
        *server.objects(cluster, chosen, distro, files, environment),
        *cluster_autoscaler.objects(cluster, chosen),
    )
    return _NOTE + yaml_text.documents(every)
