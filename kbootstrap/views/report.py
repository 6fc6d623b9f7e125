"""Shows reports: what does not pass, by object; then the meaning and the remedy of each rule, once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TextIO, TypeVar

from rich.text import Text

from kbootstrap.checks.report import Outcome, Report, Reports, Result, Subject
from kbootstrap.core.diagnostics import Severity
from kbootstrap.views.amounts import count
from kbootstrap.views.report_data import yaml_text
from kbootstrap.views.screen import Screen, harmless

K = TypeVar("K", bound=Hashable)


def show_reports(reports: Reports, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the reports of all clusters; results that passed are counted."""
    screen = Screen(stream, env)
    for number, report in enumerate(reports.clusters):
        if number:
            screen.line()
        screen.lines(_ReportLines(screen, report, reports.least).all())


class _ReportLines:
    """Writes the report of one cluster."""

    def __init__(self, screen: Screen, report: Report, least: Severity) -> None:
        self._screen, self._report, self._least = screen, report, least

    def all(self) -> Iterator[Text]:
        yield self._title()
        if self._report.failure:
            yield from self._screen.wrapped("  ", Text(harmless(self._report.failure), style="yellow"))
        bad = [*self._report.of(Outcome.FAILED), *self._report.of(Outcome.UNKNOWN)]
        width = max((len(one.rule.id) for one in bad), default=0)
        for subjects, results in _alike(bad):
            yield from self._screen.wrapped("  ", Text(harmless(subjects), style="bold"))
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


def _alike(results: Iterable[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Yield objects with their results; nodes with the same results together: `Node n1, n2`."""
    together: dict[object, tuple[list[Subject], list[Result]]] = {}
    for subject, own in _grouped(results, lambda one: one.subject).items():
        same = (subject.kind, *((one.rule.id, one.outcome, one.found) for one in own))
        key = subject if subject.namespace else same
        together.setdefault(key, ([], own))[0].append(subject)
    for subjects, own in together.values():
        yield ", ".join([str(subjects[0]), *(one.name for one in subjects[1:])]), own


def _grouped(results: Iterable[Result], key: Callable[[Result], K]) -> dict[K, list[Result]]:
    """Return the results by a key, in the order in which each key comes first."""
    groups: dict[K, list[Result]] = {}
    for one in results:
        groups.setdefault(key(one), []).append(one)
    return groups
