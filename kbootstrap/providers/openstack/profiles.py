"""Defaults for known clouds. Only verified values are included.

Sources: the clouds' own documentation, and measurements through their APIs in September and October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """One cloud. Everything can be overridden in the spec.

    `s3_endpoints` has the URLs of the object storage by its regions. `s3_region` is the region in signatures;
    None: the region of the endpoint.
    `s3_locking`: conditional writes (`If-None-Match`) work, which OpenTofu's lock file needs.
    """

    name: str
    auth_url: str
    external_network: str
    dns_servers: tuple[str, ...] = ()
    s3_endpoints: Mapping[str, str] = field(default_factory=dict)
    s3_region: str | None = None
    s3_locking: bool = False


INFOMANIAK = Profile(
    name="infomaniak",
    auth_url="https://api.pub1.infomaniak.cloud/identity/v3",
    external_network="ext-floating1",
    s3_endpoints=MappingProxyType(
        {"dc3-a": "https://s3.pub1.infomaniak.cloud", "dc4-a": "https://s3.pub2.infomaniak.cloud"}
    ),
    s3_region="us-east-1",
)
"""One identity service for both regions. S3: requests with the bucket in the host name are rejected,
requests must be signed for us-east-1, conditional writes return 501."""

OVH = Profile(
    name="ovh",
    auth_url="https://auth.cloud.ovh.net/v3",
    external_network="Ext-Net",
    s3_endpoints=MappingProxyType(
        {name: f"https://s3.{name}.io.cloud.ovh.net" for name in ("gra", "sbg", "de", "rbx", "eu-west-par")}
    ),
)
"""Europe and Canada; the United States have a separate identity service, auth.cloud.ovh.us. S3 has
its own regions (machines in GRA11, buckets in gra); conditional writes do not work."""

PROFILES: Mapping[str, Profile] = MappingProxyType({one.name: one for one in (INFOMANIAK, OVH)})
"""All profiles, by their name in the spec (`profile`)."""
