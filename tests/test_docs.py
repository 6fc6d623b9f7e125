"""The documentation says what the code does: links, command lines, keys, codes and exit codes."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kbootstrap.cli.main import cli
from kbootstrap.core import codes
from kbootstrap.core.errors import CHANGES_PENDING, KbootstrapError
from kbootstrap.spec.explain import explain_key
from kbootstrap.spec.load import load, load_text

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
CALL = re.compile(r"(?<![\w./…-])kbootstrap (?=[a-z-])(.*)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def headings(text: str) -> set[str]:
    """Return the anchors of a page, as forges make them."""
    found = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def blocks(text: str) -> Iterator[str]:
    """Yield the lines of code blocks, fenced and indented, and what stands between backticks."""
    for block in FENCE.findall(text):
        yield from block.splitlines()[1:-1]
    rest = FENCE.sub("", text)
    for line in rest.splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from INLINE.findall(line)


def calls() -> list[tuple[str, list[str]]]:
    """Return every call of the program in the documentation: the page, and the words after its name."""
    found = []
    for page in PAGES:
        if page.parent.name == "reference":  # usage lines, made from the commands themselves
            continue
        for line in blocks(page.read_text(encoding="utf-8")):
            for part in re.split(r" (?:&&|\|\|) ", line.replace(" 2>&1", "")):
                match = CALL.search(part)
                if match:
                    found.append((name(page), words(match[1])))
    return found


def words(line: str) -> list[str]:
    """Split a command line as a shell does, up to a pipe, a redirection or a comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>")
    lexer.whitespace_split = True
    found: list[str] = []
    for word in lexer:
        if set(word) <= set("|;<>"):
            break
        found.append(word)
    return found


CALLS = calls()


def understand(argv: list[str]) -> None:
    """Read arguments as the program would, without doing anything."""
    command: click.Command = cli
    context = click.Context(cli, info_name="kbootstrap")
    rest = list(argv)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(context, rest.pop(0))
        assert inner is not None, f"there is no command {argv[0]}"
        command, context = inner, click.Context(inner, parent=context, info_name=inner.name)
    if rest[:1] == ["…"]:
        return
    options, left, _ = command.make_parser(context).parse_args(rest)
    assert not left or isinstance(command, click.Group), f"too many words: {left}"
    for parameter in command.params:
        value = options.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, context)


def test_there_is_documentation() -> None:
    assert len(PAGES) > 15
    assert len(CALLS) > 40


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{target} does not exist"
        assert there.is_relative_to(ROOT), f"{target} leads out of the checkout"
        if anchor:
            assert anchor in headings(there.read_text(encoding="utf-8")), f"{target} has no {anchor}"


FILES = frozenset(
    path.relative_to(ROOT).as_posix()
    for folder in ("kbootstrap", "schemas", "terraform-modules", "specs", "docs", "tests", "bench", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
)
OF_OTHERS = ("pkg/", "build/")
"""Where paths begin that are no files here: sources of k3s, outputs."""


def dead_paths(text: str) -> Iterator[str]:
    """Yield the paths between backticks that are no file here: `room/module.py`, relative to any folder."""
    for path in re.findall(r"`([\w-]+/[\w./-]+\.(?:py|sh|md|toml|json))`", text):
        if not path.startswith(OF_OTHERS) and not any(f"/{one}".endswith(f"/{path}") for one in FILES):
            yield path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_in_pages_exist(page: Path) -> None:
    assert list(dead_paths(page.read_text(encoding="utf-8"))) == []


def test_dead_paths_are_found() -> None:
    assert list(dead_paths("`core/errors.py`, `docs/README.md`, `core/mistakes.py`")) == ["core/mistakes.py"]


def test_pages_that_sources_name_exist() -> None:
    """Comments, docstrings and messages name pages by their path, without a link."""
    wrong = []
    for one in sorted(FILES):
        path = ROOT / one
        if path.suffix not in {".py", ".sh", ".toml", ".json", ".tf", ".md"} or not path.is_file():
            continue
        named = re.findall(r"(?<![\w./])docs/[\w/.-]+\.md", path.read_text(encoding="utf-8"))
        wrong += [f"{one}: {page}" for page in named if not (ROOT / page).exists()]
    assert wrong == []


@pytest.mark.parametrize(("page", "argv"), CALLS, ids=[f"{p}: {' '.join(w)}"[:70] for p, w in CALLS])
def test_command_lines_are_understood(page: str, argv: list[str]) -> None:
    try:
        understand(argv)
    except click.UsageError as error:
        pytest.fail(f"{page}: kbootstrap {' '.join(argv)}: {error.format_message()}")


def test_what_is_explained_exists() -> None:
    for page, argv in CALLS:
        what = argv[1] if argv[0] == "explain" and len(argv) > 1 else ""
        if what.islower():
            assert explain_key(what) is not None, f"{page}: there is no key {what}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_codes_exist(page: Path) -> None:
    for code in set(re.findall(r"\bKB\d+\b", page.read_text(encoding="utf-8"))):  # KB01xx is a family
        assert codes.explain(code) is not None, f"there is no {code}"


def test_exit_codes() -> None:
    def below(kind: type[KbootstrapError]) -> Iterator[type[KbootstrapError]]:
        yield kind
        for inner in kind.__subclasses__():
            yield from below(inner)

    real = {0, CHANGES_PENDING, *(kind.exit_code for kind in below(KbootstrapError))}
    for page in ("exit-codes.md", "troubleshooting.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        documented = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
        assert documented | {0} == real, page


def test_getting_started_lists_every_command() -> None:
    text = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    table = text.partition("| command | what it does |")[2].partition("\n\n")[0]
    firsts = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    listed = {part.split()[0] for first in firsts for part in INLINE.findall(first)}
    assert listed - {"CODE", "pull", "prune"} == set(cli.list_commands(click.Context(cli)))


def test_the_index_lists_every_page() -> None:
    docs = ROOT / "docs"
    listed = set(re.findall(r"\]\(([^)#]+)", (docs / "README.md").read_text(encoding="utf-8")))
    pages = {page.relative_to(docs).as_posix() for page in PAGES if page.is_relative_to(docs)}
    assert pages - {"README.md"} <= listed


def specs() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for text in re.findall(
            r"^```yaml\n(apiVersion.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        ):
            yield name(page), text


@pytest.mark.parametrize(("page", "text"), list(specs()))
def test_specs_are_valid(page: str, text: str) -> None:
    assert load_text(text, Path(page)).diagnostics == ()


def test_the_wrong_spec_of_the_picture_has_the_problems_of_the_picture() -> None:
    picture = (ROOT / "docs" / "images" / "diagnostics.svg").read_text(encoding="utf-8")
    found = load(ROOT / "docs" / "images" / "wrong.yaml").diagnostics
    assert sorted(set(re.findall(r"KB\d{4}", picture))) == sorted(problem.code for problem in found)


def test_decisions_are_numbered_one_after_the_other() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    for number, page in enumerate(pages, 1):
        assert page.name.startswith(f"{number:04}-")
        assert page.read_text(encoding="utf-8").startswith(f"# {number:04}: ")


def test_pictures_show_what_the_terminal_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "docs" / "images"
    monkeypatch.chdir(folder)
    spec = importlib.util.spec_from_file_location("pictures", folder / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    for name, svg in make.pictures().items():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8") == svg, f"run docs/images/make.py: {name}"
