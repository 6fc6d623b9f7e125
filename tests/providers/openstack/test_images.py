from __future__ import annotations

import pytest

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.providers.openstack.provider import UNKNOWN
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.pins import ImagePin
from tests.providers.contexts import of

from .cloud import FakeCloud, image, openstack

SPEC = openstack()
CLUSTER = SPEC.clusters[0]


async def pinned(context: ProviderContext, lock: Lock | None = None, *, upgrade: bool = False) -> str | None:
    found = await PROVIDER.pin(of(context, SPEC, lock=lock or Lock()), upgrade=upgrade)
    return found.image_id("prod", "Debian 12")


async def test_the_newest_active_build_is_pinned(context: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["image/images"] = [
        image("old", "Debian 12", "2026-01-01T00:00:00Z"),
        image("new", "Debian 12", "2026-03-01T00:00:00Z"),
        image("queued", "Debian 12", "2026-04-01T00:00:00Z", status="queued"),
        image("hidden", "Debian 12", "2026-05-01T00:00:00Z", hidden=True),
        image("other", "Debian 13", "2026-06-01T00:00:00Z"),
    ]
    assert await pinned(context) == "new"


async def test_a_pin_stays_without_a_query(context: ProviderContext, cloud: FakeCloud) -> None:
    lock = Lock(images={"prod": ImagePin("Debian 12", "old")})
    assert await pinned(context, lock) == "old"
    assert cloud.requests == []
    assert await pinned(context, lock, upgrade=True) == "img-1"


async def test_a_pin_of_another_name_does_not_count(context: ProviderContext) -> None:
    assert await pinned(context, Lock(images={"prod": ImagePin("Debian 11", "old")})) == "img-1"


async def test_the_cloud_is_not_queried_where_nothing_is_created(
    context: ProviderContext, cloud: FakeCloud
) -> None:
    lock = await PROVIDER.pin(context, creating=False)
    assert lock.image_id("prod", "Debian 12") == UNKNOWN
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([image("x", "Debian 13", "2026")], "The cloud has no image `Debian 12`."),
        (
            [image("x", "Debian 12", "2026", hidden=True)],
            "Every image `Debian 12` of the cloud is hidden, so it cannot be used for machines.",
        ),
        (
            [image("x", "Debian 12", "2026", status="killed")],
            "Every image `Debian 12` of the cloud is killed, so it cannot be used for machines.",
        ),
    ],
)
async def test_none_is_usable(
    context: ProviderContext, cloud: FakeCloud, images: list[dict[str, object]], reason: str
) -> None:
    cloud.things["image/images"] = [*images, image("y", "Debian 12 bookworm", "2026")]
    with pytest.raises(SpecInvalid) as caught:
        await pinned(context)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.reason) == ("KB1120", reason)
    assert "Debian 12 bookworm" in problem.help
    assert problem.span is not None
    assert "image: {name: Debian 12}" in problem.span.text
