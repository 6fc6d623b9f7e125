"""The workspace of a spec: the folder `.kbootstrap/` beside it, with one folder per cluster.

    .kbootstrap/                       0700
    ├── .gitignore                     contains "*"
    ├── events/                        full event log of each run, the last 20
    ├── modules/<provider>/…           copies of the modules that the roots refer to
    ├── <cluster>/                     the rendered root, `.terraform/` and the local state
    │   └── *.tf, terraform.tfstate
    └── <cluster>.run/
        ├── spec                       name of the spec that the cluster belongs to
        ├── started                    empty; an apply or adopt has begun to make changes
        ├── lock                       held while a run changes the cluster
        ├── id_ed25519, id_ed25519.pub generated key (`local` provider)
        ├── known_hosts                pinned host keys
        ├── destroying                 a destroy has begun: names of the buckets that it keeps
        └── kubeconfig                 0600

Only the OpenTofu state cannot be recreated; everything else is discovered or generated again.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing

FOLDER = ".kbootstrap"
_STATE = "terraform.tfstate"
"""The state of the local backend: the only trace of an `apply` by versions without the file `started`."""


@dataclass(frozen=True, slots=True)
class ClusterSpace:
    """The paths of one cluster."""

    base: Path
    cluster: str

    @property
    def root(self) -> Path:
        """The rendered root: OpenTofu's working directory, with the local state."""
        return self.base / self.cluster

    @property
    def run(self) -> Path:
        """The folder of kbootstrap's other files."""
        return self.base / f"{self.cluster}.run"

    @property
    def lock(self) -> Path:
        """The lock of a run on this machine."""
        return self.run / "lock"

    def claim(self, spec: str, *, creating: bool) -> None:
        """Verify that the cluster belongs to the spec of this name; with `creating`, record the name.

        Two specs in one folder share its workspace. Raises `PrerequisiteMissing` (KB0405) when the cluster
        belongs to another spec: the command would change, or destroy, the wrong cluster.
        """
        place = self.run / "spec"
        known = _text(place)
        if known and known != spec:
            raise PrerequisiteMissing(
                f"the cluster {self.cluster} in {self.base} belongs to the spec '{known}', not to '{spec}'",
                hint="give one of the two clusters another name, or keep the specs in folders of their own; "
                f"was the spec renamed: destroy the cluster under the name '{known}' first",
                code="KB0405",
            )
        if creating and not known:
            files.write(place, f"{spec}\n")

    def start(self) -> None:
        """Record that creation begins: from now on, removing the cluster from the spec is reported."""
        files.write_if_changed(self._started, "")

    @property
    def made(self) -> bool:
        """Whether resources of the cluster may exist; a plan alone creates none."""
        return any(path.exists() for path in (self._started, self.kubeconfig, self.root / _STATE))

    @property
    def _started(self) -> Path:
        return self.run / "started"

    @property
    def private_key(self) -> Path:
        """The generated SSH key; the public key is beside it, with the suffix `.pub`."""
        return self.run / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The pinned host keys."""
        return self.run / "known_hosts"

    @property
    def kubeconfig(self) -> Path:
        """The admin kubeconfig of only this cluster."""
        return self.run / "kubeconfig"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The `.kbootstrap/` folder that belongs to a spec file."""

    base: Path

    @property
    def events(self) -> Path:
        """The folder of event logs; one run may handle several clusters."""
        return self.base / "events"

    @classmethod
    def beside(cls, spec: Path) -> Workspace:
        """Return the workspace of a spec file without creating it.

        The path is resolved, because machines are labelled with it as their owner, and relative paths such as
        `../dev.yaml` must give the same workspace.
        """
        return cls(spec.parent.resolve() / FOLDER)

    def make(self) -> None:
        """Create the folder, private and ignored by git: it contains keys, kubeconfigs and states."""
        try:
            self.base.mkdir(mode=0o700, exist_ok=True)
            if self.base.stat().st_mode & 0o077 and self.base.stat().st_uid == os.getuid():
                self.base.chmod(0o700)
        except OSError as error:
            raise PrerequisiteMissing(f"cannot make the folder {self.base}: {error.strerror}") from error
        if not (self.base / ".gitignore").exists():
            files.write(self.base / ".gitignore", "*\n")

    def of(self, cluster: str) -> ClusterSpace:
        """Return the paths of one cluster."""
        return ClusterSpace(self.base, cluster)

    def left(self, spec: str, names: Collection[str]) -> tuple[str, ...]:
        """Return the clusters of this spec that were created from this workspace and are not in `names`."""
        places = sorted(self.base.glob("*.run/spec"))
        own = (place.parent.name.removesuffix(".run") for place in places if _text(place) == spec)
        return tuple(name for name in own if name not in names and self.of(name).made)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
