"""Shows what `destroy` will remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.text import Text

from kbootstrap.providers.model import DestroyPreview
from kbootstrap.views.screen import Screen, harmless


def show_destroy_preview(
    cluster: str, preview: DestroyPreview, stream: TextIO, env: Mapping[str, str]
) -> None:
    """Print the cluster's location, and the names of all resources that will be removed, by kind."""
    screen = Screen(stream, env)
    there = {kind: names for kind, names in preview.things.items() if names}
    screen.line()
    end = ":" if there else ": it has no machines."
    screen.paragraph("", f"`destroy` removes cluster {cluster} {harmless(preview.place)}{end}")
    for kind, names in there.items():
        head = Text.assemble("  - ", (kind, "bold red"), f" ({len(names)}): ")
        screen.paragraph(head, harmless(", ".join(names)), indent=4)
    if preview.remark:
        screen.paragraph("", preview.remark)
    screen.line()
