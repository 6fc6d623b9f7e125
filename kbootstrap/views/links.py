"""Links to lines of the spec, for texts that are read on the web."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kbootstrap.plans.model import Place


@dataclass(frozen=True, slots=True)
class Links:
    """Creates links. `base` is the URL of the folder `root`; None if it is not known."""

    base: str | None
    root: Path

    def path(self, file: str) -> str:
        """Return the path of a file in the repository; files outside of it keep their name."""
        relative = os.path.relpath(Path(file).absolute(), self.root)
        return file if relative.startswith("..") else Path(relative).as_posix()

    def url(self, place: Place) -> str | None:
        """Return the URL of a line; GitHub and GitLab both support `#L12`."""
        if self.base is None or place.file is None:
            return None
        anchor = f"#L{place.line}" if place.line else ""
        return f"{self.base.rstrip('/')}/{quote(self.path(place.file))}{anchor}"


def links(base: str | None, env: Mapping[str, str], folder: Path) -> Links:
    """Return the links of this run: below `base`, or from the variables of GitHub or GitLab CI.

    Sources: "Default environment variables" of GitHub Actions, "Predefined CI/CD variables" of GitLab.
    Elsewhere the repository's root is the folder around `folder` that has a `.git`.
    """
    root = env.get("GITHUB_WORKSPACE") or env.get("CI_PROJECT_DIR")
    return Links(base or _of_forge(env), Path(root) if root else _repository(folder.absolute()))


def _of_forge(env: Mapping[str, str]) -> str | None:
    server, repository, commit = (env.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "SHA"))
    if server and repository and commit:
        return f"{server}/{repository}/blob/{commit}"
    project, commit = env.get("CI_PROJECT_URL"), env.get("CI_COMMIT_SHA")
    return f"{project}/-/blob/{commit}" if project and commit else None


def _repository(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
