"""Actions on snapshots, reported as steps."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStep(Step):
    """An action on a node that is not part of a plan."""

    what: str
    why: str = ""

    @property
    def title(self) -> str:
        """What the action does."""
        return self.what
