"""What is asked before plans are carried out."""

from __future__ import annotations

from typing import cast

import pytest

from kbootstrap.cli.changes import consent
from kbootstrap.cli.session import Session
from kbootstrap.plans.build import entry
from kbootstrap.plans.model import Document
from tests.plans.test_build import found, machine


class Asked:
    """Notes the questions, each with the word that must be typed."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str | None]] = []

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        self.questions.append((question, wanted))


@pytest.mark.parametrize(
    ("node", "blank", "words"),
    [
        ("c-control-plane-1", frozenset(), ["c"]),
        ("c-control-plane-1", frozenset({"c-control-plane-1"}), [None]),
        ("c-web-1", frozenset(), [None]),
        (None, frozenset(), []),
    ],
)
async def test_losing_servers_needs_the_name(
    node: str | None, blank: frozenset[str], words: list[str | None]
) -> None:
    changes = [machine(node, "replace")] if node else []
    asked = Asked()
    shown = Document("x", (entry(found(*changes, blank=blank), str),))
    await consent(cast("Session", asked), shown)
    assert [word for _, word in asked.questions] == words
    assert all("c" in question for question, _ in asked.questions)
