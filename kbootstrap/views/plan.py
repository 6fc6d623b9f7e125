"""Shows a plan on the terminal: dangers first, equal nodes once, and a line of totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.text import Text

from kbootstrap.plans.groups import alike
from kbootstrap.plans.model import Change, ClusterEntry, NodeEntry, PlanDocument, StepEntry
from kbootstrap.plans.words import names, nodes_text, orders, special, totals, version_text
from kbootstrap.tofu.plan import Kind
from kbootstrap.views.diagnostics import print_diagnostics
from kbootstrap.views.plan_cost import show_cost
from kbootstrap.views.screen import Screen, harmless

_STYLES: dict[Kind, str] = {
    "delete": "bold red",
    "replace": "bold magenta",
    "forget": "yellow",
    "update": "yellow",
    "create": "green",
}


def show_plan(document: PlanDocument, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the plan of all clusters and a line of totals."""
    screen = Screen(stream, env)
    if not document.empty:
        screen.line()
    for cluster in document.clusters:
        _print_cluster(screen, cluster)
    for name in document.left:
        sign = Text.assemble((f"{screen.symbols.warning} ", "yellow"))
        text = (
            "no longer in the spec; it stays as it is. To remove it, add it to the spec again and run destroy"
        )
        screen.paragraph(sign, Text(f"{name}  {text}"))
        screen.line()
    show_cost(screen, document)
    screen.line((totals(document), "bold"))


def _print_cluster(screen: Screen, cluster: ClusterEntry) -> None:
    if cluster.empty and not cluster.drift and not cluster.diagnostics:
        screen.line((f"{screen.symbols.done} ", "green"), (cluster.cluster, "bold"), "  nothing to do")
        screen.line()
        return
    screen.line((cluster.cluster, "bold"), (_what_changes(cluster), "dim"))
    if cluster.location:
        screen.line((f"  in {harmless(cluster.location)}", "dim"))
    screen.line()
    if cluster.drift:
        screen.line("  Changed outside of kbootstrap since the last run")
        for change in cluster.drift:
            _print_change(screen, change)
        screen.line()
    if cluster.changes:
        screen.line("  Infrastructure")
        for change in cluster.changes:
            _print_change(screen, change)
        screen.line()
    elif cluster.outputs and not cluster.moves:
        screen.line("  Infrastructure: only outputs change", "\n")
    if cluster.moves:
        screen.line("  Renamed in the state: no machine is touched")
        for old, new in cluster.moves:
            screen.paragraph("    ", Text(f"{harmless(old)} becomes {harmless(new)}"))
        screen.line()
    if cluster.diagnostics:
        print_diagnostics(screen, cluster.diagnostics)
    _print_half_of_nodes(screen, cluster)


def _what_changes(cluster: ClusterEntry) -> str:
    """Write the number and version of nodes if they change."""
    parts = []
    if len(cluster.before) != len(cluster.after):
        parts.append(f"nodes {nodes_text(cluster)}")
    if cluster.versions and cluster.versions != (cluster.version,):
        parts.append(f"Kubernetes {version_text(cluster)}")
    return f"  {', '.join(parts)}" if parts else ""


def _print_half_of_nodes(screen: Screen, cluster: ClusterEntry) -> None:
    if cluster.unseen:
        when = "after the infrastructure" if cluster.changes or cluster.outputs else "by apply"
        screen.paragraph(
            "  ", Text(f"Nodes: not reachable: {harmless(cluster.unseen)}; inspected again {when}")
        )
        screen.line()
    if cluster.nodes or cluster.install:
        screen.line("  Nodes")
        for group, node in alike(cluster.nodes).items():
            _print_nodes(screen, group, node)
        for text in orders(cluster):
            screen.paragraph("    ", Text(text))
        if cluster.install:
            sign = Text.assemble("    ", (f"{screen.symbols.create} ", _STYLES["create"]))
            screen.paragraph(sign, f"{names(cluster.install)}  installed as soon as the machine answers")
        screen.line()


def _print_change(screen: Screen, change: Change) -> None:
    sign = getattr(screen.symbols, change.kind, screen.symbols.delete)
    style = _STYLES.get(change.kind, "")
    line = Text.assemble("    ", (f"{sign} ", style), change.address)
    notes = harmless(" ".join(_notes(change)))
    if notes and line.cell_len + 2 + len(notes) <= screen.prose:
        screen.line(line, (f"  {notes}", "dim"))
    else:
        screen.line(line)
        if notes:
            screen.paragraph("        ", Text(notes, style="dim"))
    for effect in change.effects:
        screen.paragraph("        ", Text(effect, style=style))


def _notes(change: Change) -> list[str]:
    """Write why a resource changes, and the line of the spec that causes it; not for new resources."""
    place = f"({change.place})" if change.place and change.kind != "create" else ""
    return [text for text in (change.why, place) if text]


def _print_nodes(screen: Screen, group: Sequence[str], node: NodeEntry) -> None:
    said = Text.assemble((names(tuple(group)), "bold"), "  ", (special(tuple(group), node), "dim"))
    screen.paragraph("    ", said)
    width = max(len(step.title) for step in node.steps)
    for step in node.steps:
        _print_step(screen, step, width)


def _print_step(screen: Screen, step: StepEntry, width: int) -> None:
    line = Text(f"      {harmless(step.title):<{width}}")
    why = Text(harmless(step.why), style="dim")
    fits = line.cell_len + 2 + why.cell_len <= screen.prose
    if fits:
        line.append("  ").append_text(why)
    line.rstrip()
    screen.line(line)
    if not fits:
        screen.paragraph("        ", why)
    for text in harmless(step.diff or "").splitlines()[2:]:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1], "dim")
        quoted = Text.assemble(f"        {screen.symbols.quote} ", (text, style))
        quoted.rstrip()
        screen.line(quoted)
