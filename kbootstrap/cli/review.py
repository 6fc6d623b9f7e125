"""Plans for reviewers: a comment in Markdown, or annotations and the summary of a workflow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.plans.model import PlanDocument
from kbootstrap.views.annotations import plan_annotations
from kbootstrap.views.links import links
from kbootstrap.views.markdown import markdown

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable with the file that GitHub shows as a step's summary."""


def review(shown: PlanDocument, output: str, link_base: str | None) -> None:
    """Print the plan as `markdown` or `github`; the latter also appends to the summary of the step."""
    found = links(link_base, os.environ, Path.cwd())
    if output == "markdown":
        sys.stdout.write(markdown(shown, found))
        return
    sys.stdout.write(plan_annotations(shown, found))
    summary = os.environ.get(SUMMARY)
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(markdown(shown, found))
        except OSError as error:
            raise PrerequisiteMissing(f"cannot write to {SUMMARY} ({summary}): {error.strerror}") from error
