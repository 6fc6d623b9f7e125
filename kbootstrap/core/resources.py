"""Locations of packaged data: `schemas/` and `terraform-modules/`, in the wheel or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def _data(name: str) -> Path:
    packed = _PACKAGE / "data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def schemas() -> Path:
    """Return the folder with `spec.json` and `providers/*.json`."""
    return _data("schemas")


def terraform_modules() -> Path:
    """Return the folder with one subfolder of modules per provider."""
    return _data("terraform-modules")
