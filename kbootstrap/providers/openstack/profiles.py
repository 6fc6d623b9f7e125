"""What is known of clouds, so that their users need to type less. What is not certain is left out.

Sources: the clouds' own documentation, and measurements through their APIs in September and October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """One cloud. Everything can be overridden in the spec.

    `s3_endpoints` are URLs of the object storage by its own regions. `s3_region` is what requests are signed
    for; None: the region itself. `s3_path_style`: the bucket must stand in the path, not in the host name.
    `s3_locking`: conditional writes (`If-None-Match`) work, which OpenTofu's lock file needs.
    """

    name: str
    auth_url: str
    external_network: str
    dns_servers: tuple[str, ...] = ()
    s3_endpoints: Mapping[str, str] = field(default_factory=dict)
    s3_region: str | None = None
    s3_path_style: bool = True
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
"""One identity service for both regions. S3: a host name with the bucket in it is refused, requests must be
signed for us-east-1, conditional writes answer 501."""

OVH = Profile(
    name="ovh",
    auth_url="https://auth.cloud.ovh.net/v3",
    external_network="Ext-Net",
    s3_endpoints=MappingProxyType(
        {name: f"https://s3.{name}.io.cloud.ovh.net" for name in ("gra", "sbg", "de", "rbx", "eu-west-par")}
    ),
)
"""Europe and Canada; the United States have an identity service of their own, auth.cloud.ovh.us. S3 has
regions of its own (machines in GRA11, buckets in gra); conditional writes do not work."""

PROFILES: Mapping[str, Profile] = MappingProxyType({one.name: one for one in (INFOMANIAK, OVH)})
"""All profiles, by the name that the spec's `profile` has."""
