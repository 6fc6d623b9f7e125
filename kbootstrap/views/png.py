"""Converts pictures to PNG, with the optional package resvg-py (extra `pictures`)."""

from __future__ import annotations

from kbootstrap.core.errors import PrerequisiteMissing

INSTALL = "pip install 'kbootstrap[pictures]'"
_SCALE = 2
"""Pixels for a unit of the picture: readable on screens of high density, and in print."""


def require_png() -> None:
    """Raise `PrerequisiteMissing` without the package."""
    try:
        import resvg_py  # noqa: F401
    except ImportError as error:
        raise PrerequisiteMissing(
            "a PNG needs the Python package resvg-py, which is not installed",
            hint=f"{INSTALL}, or write an .svg file instead",
        ) from error


def png(svg: str) -> bytes:
    """Return the picture as PNG; raises `PrerequisiteMissing` without the package."""
    require_png()
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=_SCALE))
