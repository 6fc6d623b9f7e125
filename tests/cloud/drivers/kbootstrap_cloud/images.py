"""Images unpacked: each is a tarball of a root file system, and the lower layer of machines made from it."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from kbootstrap_cloud.run import run

_FOLDER = Path("/run/cloud/run/unpacked")
_COMPRESSION = {b"\x28\xb5\x2f\xfd": "--zstd", b"\x1f\x8b\x08\x00": "--gzip", b"\xfd7zX": "--xz"}


def unpacked(image: str, host: str, download: Callable[[str], None]) -> Path:
    """Return the folder of an image; `download` writes its data to a file. Compute hosts share the folder."""
    folder = _FOLDER / image
    if folder.is_dir():
        return folder
    _FOLDER.mkdir(parents=True, exist_ok=True)
    # A host makes several machines at once: each call has a place of its own.
    fresh = Path(tempfile.mkdtemp(prefix=f".{image}.{host}.", dir=_FOLDER))
    fresh.chmod(0o755)
    data = fresh.with_name(f"{fresh.name}.data")
    download(str(data))
    with data.open("rb") as stream:
        how = _COMPRESSION.get(stream.read(4))
    # Without its extended attributes ping would lose its capability.
    attributes = ["--xattrs", "--xattrs-include=*", "--numeric-owner"]
    run("tar", "-C", str(fresh), *attributes, *([how] if how else []), "-xpf", str(data))
    data.unlink()
    try:
        fresh.rename(folder)
    except OSError:  # another one was faster
        shutil.rmtree(fresh)
    return folder
