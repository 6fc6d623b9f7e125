"""Shows reports: what does not pass as a table, then the meaning and the remedy of each rule, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TextIO

from rich.text import Text

from kbootstrap.checks.report import Outcome, Report, Reports, Result
from kbootstrap.core.diagnostics import Severity
from kbootstrap.views.amounts import count
from kbootstrap.views.report_data import yaml_text
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.tables import Cell, table

_HEAD = ("", "CHECK", "OBJECT", "FOUND")


def show_reports(reports: Reports, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print one table per cluster; results that passed are counted."""
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
        if bad:
            yield from table(self._screen, _HEAD, [self._row(one) for one in bad], indent=2, wrap=True)
        failed: dict[str, list[Result]] = {}
        for one in self._report.of(Outcome.FAILED):
            failed.setdefault(one.rule.id, []).append(one)
        for results in failed.values():
            yield Text()
            yield from self._explained(results)

    def _title(self) -> Text:
        report, symbols = self._report, self._screen.symbols
        sign, style = {
            Outcome.PASSED: (symbols.done, "green"),
            Outcome.FAILED: (symbols.failed, "bold red"),
            Outcome.UNKNOWN: (symbols.warning, "yellow"),
        }[report.verdict(self._least)]
        severities = [one.rule.severity for one in report.of(Outcome.FAILED)]
        numbers = {
            "error": severities.count(Severity.ERROR),
            "warning": severities.count(Severity.WARNING),
        }
        said = [count(number, noun) for noun, number in numbers.items() if number]
        unknown, passed = len(report.of(Outcome.UNKNOWN)), len(report.of(Outcome.PASSED))
        said += [f"{unknown} unknown"] if unknown else []
        said += (
            [] if report.failure else [f"{passed} passed" if report.results else "there is nothing to check"]
        )
        return Text.assemble((f"{sign} ", style), (report.cluster, "bold"), f"  {', '.join(said)}")

    def _row(self, one: Result) -> list[Cell]:
        symbols = self._screen.symbols
        if one.outcome is Outcome.UNKNOWN:
            sign = Text("?", style="yellow")
        elif one.rule.severity is Severity.ERROR:
            sign = Text(symbols.failed, style="bold red")
        else:
            sign = Text(symbols.warning, style="bold yellow")
        return [sign, one.rule.id, f"{one.subject}", one.found]

    def _explained(self, results: list[Result]) -> Iterator[Text]:
        """Yield the meaning of a rule and its remedies, each with the keys for the first object."""
        rule = results[0].rule
        yield Text.assemble("  ", (f"{rule.id}: {rule.title}", "bold"))
        yield from self._screen.wrapped("    ", rule.means)
        for fix in dict.fromkeys(one.fix for one in results):
            first = next(one for one in results if one.fix == fix)
            yield from self._screen.wrapped(Text.assemble("    ", ("help: ", "bold green")), fix)
            if first.example:
                yield Text(f"      # {harmless(str(first.subject))}", style="dim")
                yield from (Text(f"      {line}") for line in yaml_text(first.example).splitlines())
