"""The file of `plan --out`: a ZIP archive with one JSON document about the plan, and OpenTofu's plans.

    kbootstrap-plan.json     what was planned from, and what was shown (no secrets)
    clusters/<name>.tfplan   OpenTofu's plan, which may hold secrets: so the file is 0600

A spec is text and never begins like an archive, so `apply` distinguishes them by content.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kbootstrap.core import files
from kbootstrap.core.errors import WrongUsage

MANIFEST = "kbootstrap-plan.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCluster:
    """One cluster. `state` is `lineage/serial`; `gone` are machines (HCL addresses) that were missing.

    `steps`, `new`, `known`: see `Agreed`. `plan` is OpenTofu's plan, None where the infrastructure had
    nothing to do.
    """

    name: str
    state: str
    gone: tuple[str, ...]
    steps: Mapping[str, str]
    new: tuple[str, ...]
    known: bool
    plan: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A saved plan. `sources` has the SHA-256 of spec and lock, `rendered` that of each rendered file."""

    spec: str
    version: str
    headline: str
    sources: Mapping[str, str]
    rendered: Mapping[str, str]
    clusters: tuple[SavedCluster, ...]


def recognised(path: Path) -> bool:
    """Return whether a file is a saved plan and not a spec; False if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def write(path: Path, saved: Saved) -> None:
    """Write the file, 0600, in one step."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        manifest: dict[str, Any] = {"version": VERSION, "kind": "saved-plan"}
        manifest |= {"spec": saved.spec, "made_with": saved.version, "headline": saved.headline}
        manifest |= {"sources": dict(saved.sources), "rendered": dict(saved.rendered)}
        manifest["clusters"] = [
            {k: v for k, v in asdict(one).items() if k != "plan"} | {"planned": one.plan is not None}
            for one in saved.clusters
        ]
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        for one in saved.clusters:
            if one.plan is not None:
                archive.writestr(f"clusters/{one.name}.tfplan", one.plan)
    files.write(path, buffer.getvalue(), mode=0o600)


def read(path: Path) -> Saved:
    """Read a file that is `recognised`. Raises `WrongUsage` (KB0420) for a damaged or a newer one."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if manifest["version"] != VERSION:
                raise _broken(
                    path, f"its format version is {manifest['version']}, and this kbootstrap reads {VERSION}"
                )
            clusters = tuple(_cluster(item, archive) for item in manifest["clusters"])
        return Saved(
            spec=str(manifest["spec"]),
            version=str(manifest["made_with"]),
            headline=str(manifest["headline"]),
            sources=dict(manifest["sources"]),
            rendered=dict(manifest["rendered"]),
            clusters=clusters,
        )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise _broken(path, f"{type(error).__name__}: {error}") from error


def _cluster(item: Mapping[str, Any], archive: zipfile.ZipFile) -> SavedCluster:
    name = str(item["name"])
    return SavedCluster(
        name=name,
        state=str(item["state"]),
        gone=tuple(item["gone"]),
        steps=dict(item["steps"]),
        new=tuple(item["new"]),
        known=bool(item["known"]),
        plan=archive.read(f"clusters/{name}.tfplan") if item["planned"] else None,
    )


def _broken(path: Path, why: str) -> WrongUsage:
    return WrongUsage(
        f"{path} is not a readable saved plan",
        detail=why,
        hint="create it again with `kbootstrap plan --out`",
        code="KB0420",
    )
