"""Makes the reports of a check over several clusters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from kbootstrap.checks.report import Report, Reports
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context
from kbootstrap.engine.side_by_side import side_by_side

Work = tuple[Context, Callable[[], Coroutine[Any, Any, Report]]]


async def cluster_reports(
    check: str, spec: str, work: Iterable[Work], run: Runtime, least: Severity
) -> Reports:
    """Check clusters side by side; a failure of one does not hide the others.

    Where it is the only one, its failure is raised.
    """
    every = tuple(work)
    outcomes = await side_by_side(every)
    if len(every) == 1:
        outcomes.raise_failures()
    found = {**outcomes.results}
    for name, error in outcomes.failures.items():
        said = " - ".join(filter(None, (error.message, error.hint)))
        found[name] = Report(name, failure=run.redactor.clean(said))
    return Reports(
        check,
        spec,
        tuple(found[context.cluster.name] for context, _ in every),
        least=least,
        failed=next((error.exit_code for error in outcomes.failures.values()), 0),
    )
