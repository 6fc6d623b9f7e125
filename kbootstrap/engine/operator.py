"""How commands ask and report: the contract that the command line fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers.model import DestroyPreview


class Operator(Protocol):
    """The person or program that runs a command."""

    def begin(self) -> None:
        """Note that the command changes something from now on."""

    def say(self, text: str) -> None:
        """Report a sentence; programs get events only."""

    def warn(self, problems: Sequence[Diagnostic]) -> None:
        """Show problems that do not stop the command."""

    def show_plan(self, plan: PlanDocument, *, empty: bool = True) -> None:
        """Show a plan; with `empty` False programs do not get one that has nothing to do."""

    def show_destroy_preview(self, cluster: str, what: DestroyPreview) -> None:
        """Show what a destroy of a cluster removes."""

    def must_ask(self, without: str) -> None:
        """Raise `Declined` where there is no terminal to ask on; `without` says what to do then.

        Called before any work, so that a run that could only end in a question ends at once.
        """

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        """Ask before a change; `wanted` is a word that must be typed instead of yes. Raises `Declined`."""
