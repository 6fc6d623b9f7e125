"""Locations of kubeconfig files, and the file for new entries, according to kubectl's rules.

From `kubectl config --help`: `$KUBECONFIG` is a list of paths, else `~/.kube/config`. An existing value is
changed in the file that contains it; a new one is written to the first file that exists, or else to the last
in the list. Empty elements and repeated paths are ignored (client-go, `clientcmd`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

VARIABLE = "KUBECONFIG"


def entry_name(spec: str, cluster: str) -> str:
    """Return the name of a cluster's context, cluster and user entries: `kbootstrap-<spec>/<cluster>`.

    Names of specs and clusters contain no slash, so two clusters never share an entry, and the entries can be
    found by name alone. The name contains no dot, because `kubectl config set` splits names at dots.
    """
    return f"kbootstrap-{spec}/{cluster}"


def search_list(env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Return the files that kubectl would read, in kubectl's order; they need not exist."""
    listed = dict.fromkeys(part for part in env.get(VARIABLE, "").split(os.pathsep) if part)
    return tuple(Path(part) for part in listed) or (home / ".kube" / "config",)


def for_new_entries(paths: Sequence[Path]) -> Path:
    """Return the file for new entries and the current context."""
    return next((path for path in paths if path.exists()), paths[-1])
