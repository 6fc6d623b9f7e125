"""The image of a cluster's nodes: its name is resolved once, and its ID is pinned in the lock file.

Clouds rebuild images under the same name and hide the old builds, so a name refers to another image every few
weeks. The pin is kept until it is upgraded (`kbootstrap lock --upgrade image`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.pins import ImagePin as Pin

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.image.v2.image import Image


async def pin(cloud: Cloud, spec: Spec, cluster: Cluster) -> Pin:
    """Resolve the name of the cluster's image to the newest active build with exactly this name.

    Raises `SpecInvalid` (KB1120) at the line of the spec if there is none.
    """
    name = settings(cluster).image_name
    if name is None:
        raise ValueError(f"cluster {cluster.name} names its image by ID")
    found = await cloud.ask("list its images", lambda sdk: named(sdk, name))
    best = newest(found)
    if best:
        return Pin(name, best.id)
    reason = f"The cloud has no image `{name}`."
    if found:
        states = sorted({"hidden" if image.is_hidden else image.status for image in found})
        reason = (
            f"Every image `{name}` of the cloud is {' or '.join(states)}, so it cannot be used for machines."
        )
    names = await cloud.ask("list its images", _active_names)
    close = difflib.get_close_matches(name, names, n=4, cutoff=0.4)
    problem = Diagnostic(
        "KB1120",
        reason,
        f"Available: {', '.join(close or names[:8]) or 'none'}. `openstack image list` lists all; names are "
        "case-sensitive.",
        spec.source.value(("clusters", cluster.name, "provider", "openstack", "image", "name")),
    )
    raise SpecInvalid(
        f"the image of cluster {cluster.name} cannot be pinned", code="KB1120", diagnostics=[problem]
    )


def newest(images: Iterable[Image]) -> Image | None:
    """Return the newest usable image."""
    usable = [image for image in images if image.status == "active" and not image.is_hidden]
    return max(usable, key=lambda image: (image.created_at or "", image.id), default=None)


def named(sdk: Connection, name: str) -> list[Image]:
    """Return all images with a name, including hidden ones."""
    seen = [*sdk.image.images(name=name), *sdk.image.images(name=name, is_hidden=True)]
    return list({image.id: image for image in seen}.values())


def _active_names(sdk: Connection) -> list[str]:
    return sorted({image.name for image in sdk.image.images(status="active") if image.name})
