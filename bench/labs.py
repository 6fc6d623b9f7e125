"""What measurements of whole clusters share: options, a folder, a local cluster."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.lab import Lab, leftovers


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that these measurements have in common."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cloud", action="store_true", help="on the test cloud (make cloud)")
    parser.add_argument("--tofu")
    return parser


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Lend an empty folder."""
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as name:
        place = Path(name) / "lab"
        place.mkdir()
        yield place


@contextlib.contextmanager
def local_lab(place: Path, tofu: str, cluster: str) -> Iterator[Lab]:
    """Lend a lab for a cluster of containers, which is destroyed at the end."""
    lab = Lab(place, tofu, extra={"KBOOTSTRAP_TOFU": tofu})
    try:
        yield lab
    finally:
        lab.run("destroy", "-y", "spec.yaml", code=None)
        if left := leftovers("bench", cluster):
            sys.stderr.write(f"left: {left}\n")
