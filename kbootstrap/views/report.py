"""Shows reports: what does not pass, by object; then the meaning and the remedy of each rule, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TextIO

from rich.text import Text

from kbootstrap.checks.report import Outcome, Report, Reports, Result
from kbootstrap.core.diagnostics import Severity
from kbootstrap.views.amounts import count
from kbootstrap.views.report_data import yaml_text
from kbootstrap.views.screen import Screen, harmless


def show_reports(reports: Reports, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the reports of all clusters; results that passed are counted."""
    screen = Screen(stream, env)
    for number, report in enumerate(reports.clusters):
        if number:
            screen.line()
        screen.lines(_Lines(screen, report, reports.least).all())


class _Lines:
    """Writes the report of one cluster."""

    def __init__(self, screen: Screen, report: Report, least: Severity) -> None:
        self._screen, self._report, self._least = screen, report, least

    def all(self) -> Iterator[Text]:
        yield self._title()
        if self._report.failure:
            yield from self._screen.wrapped("  ", Text(harmless(self._report.failure), style="yellow"))
        bad = [*self._report.of(Outcome.FAILED), *self._report.of(Outcome.UNKNOWN)]
        width = max((len(one.rule.id) for one in bad), default=0)
        for subject, results in _grouped(bad, lambda one: str(one.subject)).items():
            yield Text(f"  {harmless(subject)}", style="bold")
            for one in results:
                yield from self._screen.wrapped(self._mark(one, width), one.found)
        for results in _grouped(self._report.of(Outcome.FAILED), lambda one: one.rule.id).values():
            yield Text()
            yield from self._explained(results)

    def _title(self) -> Text:
        report, symbols = self._report, self._screen.symbols
        sign, style = {
            Outcome.PASSED: (symbols.done, "green"),
            Outcome.FAILED: (symbols.failed, "bold red"),
            Outcome.UNKNOWN: (symbols.warning, "yellow"),
        }[report.verdict(self._least)]
        return Text.assemble((f"{sign} ", style), (report.cluster, "bold"), f"  {', '.join(self._sums())}")

    def _sums(self) -> Iterator[str]:
        if self._report.failure:
            yield "not checked"
        elif not self._report.results:
            yield "there is nothing to check"
        severities = [one.rule.severity for one in self._report.of(Outcome.FAILED)]
        for severity in Severity:
            if number := severities.count(severity):
                yield count(number, str(severity))
        for outcome in (Outcome.UNKNOWN, Outcome.PASSED):
            if number := len(self._report.of(outcome)):
                yield f"{number} {outcome}"

    def _mark(self, one: Result, width: int) -> Text:
        symbols = self._screen.symbols
        if one.outcome is Outcome.UNKNOWN:
            sign = ("?", "yellow")
        elif one.rule.severity is Severity.ERROR:
            sign = (symbols.failed, "bold red")
        else:
            sign = (symbols.warning, "bold yellow")
        return Text.assemble("    ", sign, f" {one.rule.id:<{width}}  ")

    def _explained(self, results: list[Result]) -> Iterator[Text]:
        """Yield the meaning of a rule and its remedies, each with the keys for the first object."""
        rule = results[0].rule
        yield Text.assemble("  ", (f"{rule.id}: {rule.title}", "bold"))
        yield from self._screen.wrapped("    ", rule.means)
        for fix, alike in _grouped(results, lambda one: one.fix).items():
            yield from self._screen.wrapped(Text.assemble("    ", ("help: ", "bold green")), fix)
            if alike[0].example:
                yield Text(f"      # {harmless(str(alike[0].subject))}", style="dim")
                yield from (Text(f"      {line}") for line in yaml_text(alike[0].example).splitlines())


def _grouped(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    """Return the results by a key, in the order in which each key comes first."""
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(key(one), []).append(one)
    return groups
