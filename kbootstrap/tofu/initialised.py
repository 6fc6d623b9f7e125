"""Records that a root was initialised, so that runs without HCL changes can skip `init`.

The record is in `.terraform/`: removing that folder removes it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.tofu.find import Binary

_RECORD = Path(".terraform") / "kbootstrap-initialised"


def is_current(root: Path, binary: Binary, env: Mapping[str, str]) -> bool:
    """Return whether `init` was run for exactly this HCL, program and plugin settings."""
    with contextlib.suppress(OSError):
        return (root / _RECORD).read_text(encoding="utf-8") == _fingerprint(root, binary, env)
    return False


def remember(root: Path, binary: Binary, env: Mapping[str, str]) -> None:
    """Record that `init` was run."""
    files.write(root / _RECORD, _fingerprint(root, binary, env))


def forget(root: Path) -> None:
    """Delete the record, so that the next run initialises again."""
    with contextlib.suppress(OSError):
        (root / _RECORD).unlink()


def _fingerprint(root: Path, binary: Binary, env: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    settings = [env.get(name, "") for name in ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR")]
    digest.update(json.dumps([str(binary.path), str(binary), *settings]).encode())
    for folder in _folders(root):
        for path in sorted([*folder.glob("*.tf"), *folder.glob(".terraform.lock.hcl")]):
            digest.update(json.dumps([str(path), path.stat().st_size]).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _folders(root: Path) -> list[Path]:
    """Return the root and the folders of its modules, as `init` recorded them."""
    found = [root]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads((root / ".terraform" / "modules" / "modules.json").read_text(encoding="utf-8"))
        found += sorted({(root / module["Dir"]).resolve() for module in data["Modules"]} - {root.resolve()})
    return found
