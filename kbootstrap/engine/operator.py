"""The interface through which commands ask and report; the command line implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers.model import DestroyPreview


class Operator(Protocol):
    """The person or program that runs a command."""

    def begin(self) -> None:
        """Record that the command changes something from now on."""

    def say(self, text: str) -> None:
        """Report a sentence; programs get only events."""

    def warn(self, problems: Sequence[Diagnostic]) -> None:
        """Show problems that do not stop the command."""

    def show_plan(self, plan: PlanDocument, *, empty: bool = True) -> None:
        """Show a plan; `empty` False: programs do not get an empty one."""

    def show_destroy_preview(self, cluster: str, what: DestroyPreview) -> None:
        """Show which resources of a cluster will be removed."""

    def must_ask(self, without: str) -> None:
        """Raise `Declined` if there is no terminal for a prompt; `without` is the hint for that case.

        Called before any work, so that a run that could only end in a question ends at once.
        """

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        """Ask for confirmation; `wanted` is a word that must be typed instead of yes. Raises `Declined`."""
