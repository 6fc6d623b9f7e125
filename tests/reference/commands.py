"""The page of every command with its options, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from kbootstrap.cli.main import cli
from tests.reference.markdown import anchor, cell


def page() -> str:
    """Return the page."""
    found = list(_commands(cli, "kbootstrap"))
    lines = [
        "# Commands",
        "",
        "The output of `kbootstrap COMMAND --help` for every command. [Exit codes](../exit-codes.md) and",
        "[environment variables](environment.md) are the same for all.",
        "",
        *(f"- [`{path}`](#{anchor(path)}): {command.get_short_help_str(200)}" for path, command in found),
    ]
    for path, command in found:
        lines += ["", *_entry(path, command)]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _entry(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"## {path}"
    yield ""
    yield f"    {path} {' '.join(command.collect_usage_pieces(context))}"
    yield ""
    yield from _prose(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        yield ""
        yield "| option | |"
        yield "|---|---|"
    for option in options:
        written, text = option.get_help_record(context) or ("", "")
        yield f"| `{cell(written)}` | {cell(re.sub(' +', ' ', text))} |"


def _prose(text: str) -> Iterator[str]:
    """Yield the lines of a command's help: paragraphs, and blocks that click prints unchanged."""
    for number, block in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ""
        lines = block.splitlines()
        if lines and lines[0].strip() == "\b":
            yield from (f"    {line}" for line in lines[1:])
        else:
            yield from lines
