"""The list of contents of a bundle in SPDX 2.3 (JSON): versions, hashes, origins and licences.

Every file is a package, and so is every image in an archive of images. SPDX requires a time and a unique
name for a document: the time is an argument, the name is made of the contents.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.bundle.contents import BundledFolder, dump
from kbootstrap.artifacts.cache import Kept
from kbootstrap.spec import distributions

_UNKNOWN = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"
_ARCHIVE = ".tar.zst"


def images_of(kept: Kept) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the images in each archive of a folder, by file name. Blocks."""
    found = {
        name: tuple(sorted(_names(path))) for name, path in kept.paths.items() if name.endswith(_ARCHIVE)
    }
    return {name: images for name, images in found.items() if images}


def document(
    folders: Sequence[BundledFolder],
    images: Mapping[tuple[str, str, str], Mapping[str, Sequence[str]]],
    made: str,
) -> bytes:
    """Return the document; `images` has the images in archives by folder and file."""
    packages: list[dict[str, Any]] = []
    relations: list[dict[str, str]] = []
    for folder in sorted(folders, key=lambda one: one.key):
        for name, file in sorted(folder.files.items()):
            inside = images.get(folder.key, {}).get(name, ())
            # An archive of images has no licence of its own: its images have theirs.
            licence = _UNKNOWN if inside else _licence("programs", folder.name)
            own = _package(folder.path(name), name, folder.version, licence)
            own["packageFileName"] = folder.path(name)
            own["checksums"] = [{"algorithm": "SHA256", "checksumValue": file.sha256}]
            own["downloadLocation"] = _origin(folder, name)
            own["sourceInfo"] = f"{folder.title}: {folder.source}"
            packages.append(own)
            relations.append(_relation(_DOCUMENT, "DESCRIBES", own["SPDXID"]))
            for image in inside:
                inner = _image(folder.path(name), image)
                packages.append(inner)
                relations.append(_relation(own["SPDXID"], "CONTAINS", inner["SPDXID"]))
    digest = hashlib.sha256(dump(folders)).hexdigest()
    shown = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": "kbootstrap-bundle",
        "documentNamespace": f"https://spdx.org/spdxdocs/kbootstrap-bundle-{digest}",
        "creationInfo": {"created": made, "creators": ["Tool: kbootstrap"]},
        "packages": packages,
        "relationships": relations,
    }
    return (json.dumps(shown, indent=2) + "\n").encode()


def _package(identity: str, name: str, version: str, licence: str) -> dict[str, Any]:
    return {
        "SPDXID": f"SPDXRef-{re.sub(r'[^A-Za-z0-9.-]', '-', identity)}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": licence,
        "copyrightText": _UNKNOWN,
    }


def _image(archive: str, image: str) -> dict[str, Any]:
    repository, _, tag = image.rpartition(":")
    path = repository.partition("/")[2] if "." in repository.partition("/")[0] else repository
    return _package(f"{archive}-{image}", repository, tag, _licence("images", path))


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _origin(folder: BundledFolder, name: str) -> str:
    """Return the URL of a file; `NOASSERTION` for one that was built or came from a program's archive."""
    return f"{folder.source}/{name}" if folder.source.startswith(("http://", "https://")) else _UNKNOWN


def _licence(kind: str, name: str) -> str:
    """Return a licence. What has the name of a distribution is part of it: `k3s`, `rancher/rke2-runtime`."""
    own = name.rpartition("/")[2].partition("-")[0]
    if own in distributions.names():
        return distributions.traits(own).licence
    return str(_licences()[kind].get(name, _UNKNOWN))


@cache
def _licences() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files(__package__).joinpath("licences.toml").read_text("utf-8"))


def _names(path: Path) -> Iterator[str]:
    """Yield the names of the images in an archive, from the list that `docker load` reads."""
    import zstandard

    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    if member.name == "manifest.json" and (found := archive.extractfile(member)):
                        for image in json.loads(found.read()):
                            yield from image.get("RepoTags") or ()
                        return
        except (tarfile.TarError, zstandard.ZstdError, ValueError):
            return  # the list then has the archive without its images
