"""A plan as a comment of a pull request: answer, one row a cluster, danger, closed folds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.cost.problems import amount
from kbootstrap.plans.cost_words import HEAD, NUMBERS, notes, rows, shown
from kbootstrap.plans.cost_words import title as cost_title
from kbootstrap.plans.groups import alike
from kbootstrap.plans.model import Change, ClusterEntry, NodeEntry, Place, PlanDocument
from kbootstrap.plans.words import count, headline, names, nodes_text, orders, special, totals, version_text
from kbootstrap.tofu.plan import Kind
from kbootstrap.views.escape import attribute, code, fence, prose, target
from kbootstrap.views.links import Links

LIMIT = 65_536
"""Of a comment on GitHub. It counts characters, we count bytes, which are never fewer."""
_SIGNS: dict[Kind, str] = {"delete": "−", "replace": "±", "forget": "∅", "update": "~", "create": "+"}  # noqa: RUF001
_DIFF: dict[Kind, str] = {"delete": "-", "replace": "!", "forget": "!", "update": "!", "create": "+"}
"""First letters of lines that a forge colours in a block of the language `diff`."""
_MOST = 25
"""Dangerous changes, and problems, that stand in the open; the folds have all of them."""
_RESERVE = 1_000
"""Bytes for the notes at the end."""


def marker(document: PlanDocument) -> str:
    """Return the hidden line by which a later run finds the comment; one for each spec."""
    return f"<!-- kbootstrap plan: {attribute(document.spec)} -->"


def markdown(document: PlanDocument, links: Links, *, limit: int = LIMIT) -> str:
    """Return the comment, at most `limit` bytes: folds are omitted if necessary, the table stays."""
    last = f"<sub>{prose(totals(document))}</sub>"
    parts = [
        marker(document),
        f"### {prose(headline(document))}",
        _table(document.clusters, links, limit // 2),
    ]
    room = limit - _RESERVE - _size([*parts, last])
    for part in [*_problems(document, links), *_danger(document, links), *_left(document)]:
        if _size([part]) <= room:
            parts.append(part)
            room -= _size([part])
    cost = _cost(document)
    if cost and _size([cost]) <= room:
        parts.append(cost)
        room -= _size([cost])
    dropped = []
    for cluster in document.clusters:
        fold = _fold(cluster, links)
        if fold and _size([fold]) <= room:
            parts.append(fold)
            room -= _size([fold])
        elif fold:
            dropped.append(cluster.cluster)
    if dropped:
        which = (
            f"of {code(_short(dropped[0]))}" if len(dropped) == 1 else f"of {count(len(dropped), 'cluster')}"
        )
        parts.append(f"*Details {which} are left out: the comment would be too long. See `kbootstrap plan`.*")
    return "\n\n".join([*parts, last]) + "\n"


def _size(parts: Sequence[str]) -> int:
    return sum(len(part.encode()) + 2 for part in parts)


def _table(clusters: Sequence[ClusterEntry], links: Links, limit: int) -> str:
    """Return the table; only its first rows if it would be too long."""
    lines = ["| cluster | + | ~ | ± | − | nodes | Kubernetes |", "|---|--:|--:|--:|--:|---|---|"]  # noqa: RUF001
    rows = [_row(cluster, links) for cluster in clusters]
    while _size(rows) > limit:
        rows = rows[: len(rows) * 3 // 4]
    more = len(clusters) - len(rows)
    return "\n".join([*lines, *rows]) + (f"\n\n*and {more} more clusters*" if more else "")


def _row(cluster: ClusterEntry, links: Links) -> str:
    numbers = [_number(cluster, kind) for kind in ("create", "update", "replace", "delete")]
    name = _linked(cluster.cluster, cluster.place, links)
    texts = [prose(_short(text)) for text in (nodes_text(cluster), version_text(cluster))]
    return f"| {' | '.join([f'{name} refused' if cluster.refused else name, *numbers, *texts])} |"


def _number(cluster: ClusterEntry, kind: Kind) -> str:
    number = cluster.counts.get(kind, 0)
    return "" if not number else f"**{number}**" if kind in ("replace", "delete") else str(number)


def _problems(document: PlanDocument, links: Links) -> list[str]:
    found = [problem for cluster in document.clusters for problem in cluster.diagnostics]
    return _listed("Problems", [_problem(problem, links) for problem in found])


def _problem(problem: Diagnostic, links: Links) -> str:
    place = Place("", problem.span.path, problem.span.line) if problem.span else None
    where = f" ({_linked(str(place), place, links)})" if place else ""
    kind = "**error**" if problem.severity is Severity.ERROR else "warning"
    summary, reason, advice = (
        prose(_short(text)) for text in (problem.summary, problem.reason, problem.help)
    )
    return f"- {kind} {code(problem.code)} **{summary}**{where}: {reason} {advice}".rstrip()


def _danger(document: PlanDocument, links: Links) -> list[str]:
    lines = [
        _change(change, links)
        for kind in ("delete", "replace", "forget")
        for cluster in document.clusters
        for change in cluster.changes
        if change.kind == kind
    ]
    drift = [_change(change, links) for cluster in document.clusters for change in cluster.drift]
    several = len(document.clusters) > 1
    per_node = [
        f"- {code(_short(cluster.cluster))}: {prose(_short(text))}" if several else f"- {prose(_short(text))}"
        for cluster in document.clusters
        for text in orders(cluster)
    ]
    parts = [*_listed("Removed and replaced", lines), *_listed("Node by node", per_node)]
    places = [
        f"- {code(_short(cluster.cluster))}: {prose(_short(cluster.location))}"
        for cluster in document.clusters
        if cluster.location and not cluster.empty
    ]
    return [*parts, *_listed("Changed outside of kbootstrap", drift), *_listed("Where", places)]


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = len(lines) - _MOST
    rest = f"\n- *and {more} more*" if more > 0 else ""
    return [f"**{title}**\n\n" + "\n".join(lines[:_MOST]) + rest]


def _change(change: Change, links: Links) -> str:
    where = f" ({_linked(str(change.place), change.place, links)})" if change.place else ""
    why = f" {prose(_short(change.why))}" if change.why else ""
    effects = f"; **{prose('; '.join(change.effects))}**" if change.effects else ""
    return f"- {_SIGNS[change.kind]} {code(_short(change.address))}{why}{where}{effects}"


def _cost(document: PlanDocument) -> str:
    """Return the table of bounds and costs in a fold, with its sum outside; empty if the plan has none."""
    if not shown(document):
        return ""
    found = rows(document)
    used = [i for i in range(len(HEAD)) if any(row[i] for row in found)]
    lines = [
        f"| {' | '.join(HEAD[i].lower() for i in used)} |",
        f"|{'|'.join('--:' if i in NUMBERS else '---' for i in used)}|",
        *(f"| {' | '.join(prose(_short(row[i])) for i in used)} |" for row in found),
    ]
    said = "\n".join(f"- {prose(_short(note))}" for note in notes(document))
    costs = [cluster.cost.total for cluster in document.clusters if cluster.cost]
    sums = [amount(sum((getattr(c, key) for c in costs), Decimal(0))) for key in ("min", "now", "max")]
    summary = f": {sums[0]} at min, {sums[1]} now, {sums[2]} at max" if costs else ""
    body = "\n\n".join(part for part in ("\n".join(lines), said) if part)
    head = f"{attribute(cost_title(document))}{summary}"
    return f"<details><summary>{head}</summary>\n\n{body}\n\n</details>"


def _left(document: PlanDocument) -> list[str]:
    lines = [f"- {code(_short(name))} stays as it is" for name in document.left]
    return _listed("No longer in the spec", lines)


def _linked(text: str, place: Place | None, links: Links) -> str:
    url = links.url(place) if place else None
    return f"[{code(_short(text))}]({target(url)})" if url else code(_short(text))


def _short(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _fold(cluster: ClusterEntry, links: Links) -> str:
    """Return the closed fold of one cluster; empty if it has no content."""
    parts = []
    if cluster.drift:
        lines = [_line(change, links) for change in cluster.drift]
        parts += ["Changed outside of kbootstrap since the last run", fence(lines, "diff")]
    if cluster.changes:
        lines = [_line(change, links) for change in cluster.changes]
        parts += ["Infrastructure", fence(lines, "diff")]
    elif cluster.outputs and not cluster.moves:
        parts.append("Infrastructure: only outputs change.")
    if cluster.moves:
        lines = [f"{code(_short(old))} becomes {code(_short(new))}" for old, new in cluster.moves]
        parts.append(f"Renamed in the state, no machine is touched: {', '.join(lines)}")
    if cluster.unseen:
        parts.append(f"Nodes could not be inspected: {prose(cluster.unseen)}")
    for group, node in alike(cluster.nodes).items():
        said = f", {special(group, node)}" if special(group, node) else ""
        parts += [f"{code(names(group))}{said}", fence(_steps(node), "diff")]
    if cluster.install:
        parts.append(f"{code(names(cluster.install))}: installed as soon as the machine answers.")
    if not parts:
        return ""
    body = "\n\n".join(parts)
    return f"<details><summary>{attribute(cluster.cluster)}: the whole plan</summary>\n\n{body}\n\n</details>"


def _line(change: Change, links: Links) -> str:
    place = ""
    if change.place and change.kind != "create":
        file = links.path(change.place.file) if change.place.file else None
        place = f"  ({file}:{change.place.line})" if file else f"  ({change.place})"
    remarks = "; ".join([text for text in (change.why, *change.effects) if text])
    kind = f"{change.kind} " if change.kind != "create" else ""
    return f"{_DIFF[change.kind]} {kind}{change.address}{f'  {remarks}' if remarks else ''}{place}"


def _steps(node: NodeEntry) -> list[str]:
    lines = []
    for step in node.steps:
        lines.append(f"# {step.title} ({step.why})")
        lines += (step.diff or "").splitlines()[2:]
    return lines
