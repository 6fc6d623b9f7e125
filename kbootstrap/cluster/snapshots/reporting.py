"""What is done about snapshots as steps that are told."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStep(Step):
    """Something that is done on a node now; it is no part of a plan."""

    what: str
    why: str = ""

    @property
    def title(self) -> str:
        """What is done."""
        return self.what
