"""The names that the API's certificate carries: known from the spec alone, so that they can be reviewed."""

from __future__ import annotations

from kbootstrap.spec.model import Cluster
from kbootstrap.spec.topology import MADE_ENDPOINTS, endpoint_address


def certificate_names(cluster: Cluster) -> tuple[str, ...]:
    """Return the registration address, and what `api.endpoint` names; nodes add their own addresses."""
    names = [str(endpoint_address(cluster))]
    endpoint = cluster.api.endpoint
    if endpoint is not None and endpoint not in MADE_ENDPOINTS and endpoint not in names:
        names.append(endpoint)
    return tuple(names)
