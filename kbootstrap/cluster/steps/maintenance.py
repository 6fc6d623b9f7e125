"""Steps of maintenance, as events and reports name them; `engine/maintenance.py` carries them out."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class LookForUpdates(Step):
    """Fetch the package lists of a machine, and read what it waits for."""

    title = "look for updates"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallUpdates(Step):
    """Install security updates."""

    packages: tuple[str, ...]

    @property
    def title(self) -> str:
        count = len(self.packages)
        return f"install {count} security update{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootMachine(Step):
    """Reboot a machine, and wait until it answers."""

    title = "reboot the machine"
