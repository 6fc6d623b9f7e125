"""What `destroy` says before it asks."""

from __future__ import annotations

import io

from kbootstrap.providers.model import DestroyPreview
from kbootstrap.views.destroy_preview import show_destroy_preview


def shown(doomed: DestroyPreview) -> str:
    stream = io.StringIO()
    show_destroy_preview("shop", doomed, stream, {"COLUMNS": "60"})
    return stream.getvalue()


def test_names_by_kind() -> None:
    machines = tuple(f"shop-web-{number}" for number in range(1, 7))
    claims = ("pvc-\x1b[31m1 (10 GiB)",)
    assert (
        shown(
            DestroyPreview(
                "in project demo", {"machines": machines, "balancers": (), "volumes": claims}, "It is slow."
            )
        )
        == """
`destroy` removes cluster shop in project demo:
  - machines (6): shop-web-1, shop-web-2, shop-web-3,
    shop-web-4, shop-web-5, shop-web-6
  - volumes (1): pvc-1 (10 GiB)
It is slow.

"""
    )


def test_nothing_is_there() -> None:
    assert "it has no machines" in " ".join(
        shown(DestroyPreview("in project demo", {"machines": ()})).split()
    )
