"""Tables: the widest cell sets a column's width; only the last column is truncated, and never in a pipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TextIO

from rich.text import Text

from kbootstrap.views.screen import Screen, harmless

Cell = str | Text
_GAP = 2


def table(
    screen: Screen,
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    indent: int = 0,
    wrap: bool = False,
) -> list[Text]:
    """Return the lines of a table, headings first; empty columns are omitted.

    With `wrap` the last column is wrapped as prose, and a row may be several lines; otherwise one row is one
    line, and on a terminal it ends at the edge.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    used = [i for i in range(len(head)) if any(row[i].plain for row in cells)]
    widths = [max(len(head[i]), *(row[i].cell_len for row in cells)) for i in used]
    lines = []
    for row in [[Text(name, style="bold") for name in head], *cells]:
        kept = [row[i] for i in used]
        if wrap:
            lines += screen.wrapped(_line(kept[:-1], widths, indent), kept[-1])
        else:
            lines.append(_line(kept, widths, indent))
    for line in lines:
        line.rstrip()
        if screen.facts.interactive and line.cell_len > screen.width:
            line.truncate(screen.width - len(screen.symbols.ellipsis), overflow="crop")
            line.append(screen.symbols.ellipsis)
    return lines


def numbers_right(
    head: Sequence[str], rows: Sequence[Sequence[str]], columns: Collection[int]
) -> tuple[list[str], list[list[Cell]]]:
    """Return head and rows of a table with these columns aligned at the right; empty columns stay empty."""
    used = [column for column in columns if any(row[column] for row in rows)]
    widths = {column: max(len(row[column]) for row in (head, *rows)) for column in used}
    wide = [name.rjust(widths.get(column, 0)) for column, name in enumerate(head)]
    return wide, [
        [Text(cell.rjust(widths[column])) if column in widths else cell for column, cell in enumerate(row)]
        for row in rows
    ]


def show_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    stream: TextIO,
    env: Mapping[str, str],
    *,
    empty: str,
) -> None:
    """Print a table, or the sentence `empty` if it has no rows."""
    screen = Screen(stream, env)
    if rows:
        screen.lines(table(screen, head, rows))
    else:
        screen.paragraph("", empty)


def _cell(value: Cell) -> Text:
    return value if isinstance(value, Text) else Text(" ".join(harmless(value).split()))


def _line(cells: Sequence[Text], widths: Sequence[int], indent: int) -> Text:
    line = Text(" " * indent)
    for cell, width in zip(cells, widths, strict=False):
        line.append_text(cell)
        line.append(" " * (width - cell.cell_len + _GAP))
    return line
