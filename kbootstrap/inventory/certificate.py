"""The subject alternative names of the API's certificate.

They are known from the spec, so that they can be reviewed. The exception is a load balancer whose name or
address is assigned by the cloud on creation.
"""

from __future__ import annotations

from kbootstrap.inventory.model import Endpoint
from kbootstrap.spec.model import Cluster
from kbootstrap.spec.topology import MADE_ENDPOINTS, endpoint_address


def certificate_names(cluster: Cluster) -> tuple[str, ...]:
    """Return the registration address and the host of `api.endpoint`; nodes add their own addresses."""
    names = [str(endpoint_address(cluster))]
    endpoint = cluster.api.endpoint
    if endpoint is not None and endpoint not in MADE_ENDPOINTS and endpoint not in names:
        names.append(endpoint)
    return tuple(names)


def served_names(cluster: Cluster, internal: Endpoint) -> tuple[str, ...]:
    """Return the certificate names, and the actual registration address if it is not in the spec.

    Without that address no node could join: k3s and RKE2 verify the certificate by the host of the
    registration URL.
    """
    names = certificate_names(cluster)
    return names if internal.host in names else (*names, internal.host)
