"""Annotations of a GitHub workflow: the results of a plan or a check at the lines of the spec.

Form: "Workflow commands for GitHub Actions". GitHub shows ten of each level for a step, so everything about
one line is one annotation, and the most dangerous come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.plans.model import Change, PlanDocument
from kbootstrap.plans.words import nodes_text, version_text
from kbootstrap.views.escape import command_data, command_property
from kbootstrap.views.links import Links

_WORDS = {
    "delete": "removed",
    "replace": "replaced",
    "forget": "given up",
    "update": "changed",
    "create": "made",
}
_NAMED = 5
"""Addresses in one annotation; more are counted."""


def plan_annotations(document: PlanDocument, links: Links) -> str:
    """Return workflow commands for a plan, one per line: errors, warnings for danger, notices."""
    lines = []
    for level in (Severity.ERROR, Severity.WARNING):
        problems = (p for cluster in document.clusters for p in cluster.diagnostics if p.severity is level)
        lines += [_problem(problem, links) for problem in problems]
    changes = [change for cluster in document.clusters for change in cluster.changes]
    lines += _changes(changes, ("delete", "replace", "forget"), "warning", links)
    for cluster in document.clusters:
        if not cluster.empty and cluster.place:
            message = f"{cluster.cluster}: nodes {nodes_text(cluster)}, Kubernetes {version_text(cluster)}"
            message += f", {len(cluster.nodes)} with steps" if cluster.nodes else ""
            lines.append(
                _command("notice", cluster.place.file, cluster.place.line, "kbootstrap plan", message, links)
            )
    lines += _changes(changes, ("update",), "notice", links)
    return "".join(f"{line}\n" for line in lines)


def problem_annotations(problems: Iterable[Diagnostic], links: Links) -> str:
    """Return workflow commands for the problems of a spec, one per line."""
    return "".join(f"{_problem(problem, links)}\n" for problem in problems)


def file_annotations(files: Iterable[tuple[str, str]], links: Links) -> str:
    """Return an error for each file with a problem."""
    return "".join(
        f"{_command('error', file, 1, 'kbootstrap render', said, links)}\n" for file, said in files
    )


def _problem(problem: Diagnostic, links: Links) -> str:
    span, text = problem.span, f"{problem.reason} {problem.help}".strip()
    file, line = (span.path, span.line) if span else (None, None)
    title = f"{problem.code} {problem.summary}".strip()
    return _command(str(problem.severity), file, line, title, text, links)


def _changes(changes: Sequence[Change], kinds: Sequence[str], level: str, links: Links) -> list[str]:
    """Combine the changes of one line of the spec."""
    groups: dict[tuple[str | None, int | None, str], list[Change]] = {}
    for kind in kinds:
        for change in changes:
            if change.kind == kind:
                file, line = (change.place.file, change.place.line) if change.place else (None, None)
                groups.setdefault((file, line, kind), []).append(change)
    return [
        _command(level, file, line, f"{len(same)} {_WORDS[kind]}", _summary(same), links)
        for (file, line, kind), same in groups.items()
    ]


def _summary(changes: Sequence[Change]) -> str:
    lines = [
        "; ".join(filter(None, (f"{change.address} {change.why}".strip(), *change.effects)))
        for change in changes[:_NAMED]
    ]
    more = len(changes) - _NAMED
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def _command(level: str, file: str | None, line: int | None, title: str, text: str, links: Links) -> str:
    properties = [f"file={command_property(links.path(file))}"] if file else []
    properties += [f"line={line}"] if file and line else []
    properties.append(f"title={command_property(title)}")
    return f"::{level} {','.join(properties)}::{command_data(text)}"
