from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.plans.model import Change, ClusterEntry, NodeEntry, Place, PlanDocument, StepEntry
from kbootstrap.tofu.plan import Kind
from kbootstrap.views.annotations import plan_annotations, problem_annotations
from kbootstrap.views.escape import attribute, code, command_data, command_property, fence, prose, target
from kbootstrap.views.links import Links, links
from kbootstrap.views.markdown import LIMIT, markdown, marker

from .samples import DIAGNOSTICS, PLANS, document

LINKS = Links("https://git.example.org/a/blob/main", Path("/repo"))
EVIL = (
    "a|b `c` ``d`` <img src=x onerror=alert(1)> [x](javascript:1) </details> @team #12 *b* --> \x1b[31m\n# h"
)


def change(number: int, kind: Kind = "replace", address: str = "module.pool.terraform_data.node") -> Change:
    return Change(
        kind=kind,
        address=f'{address}["c-web-{number}"]',
        type="terraform_data",
        node=f"c-web-{number}",
        machine=True,
        because=("image",),
        changed=("image",),
        reason=None,
        why="because of image",
        place=Place("clusters.c.pools[0]", "/repo/specs/dev.yaml", number + 1),
    )


def cluster(name: str, changes: int, *, text: str = "x") -> ClusterEntry:
    step = StepEntry(
        "write-file", f"change {text}", text, diff=f"--- a\n+++ b\n@@ -1 +1 @@\n-{text}\n+{text}!\n"
    )
    return ClusterEntry(
        cluster=name,
        changes=tuple(change(number) for number in range(changes)),
        nodes=(NodeEntry(f"{name}-web-1", (step,)),),
        before={},
        after={},
        version="v1.32.0+k3s1",
        place=Place(f"clusters.{name}", "/repo/specs/dev.yaml", 3),
    )


def test_the_headline_is_first_after_the_marker() -> None:
    lines = markdown(document(*PLANS), LINKS).splitlines()
    assert lines[0] == "<!-- kbootstrap plan: dev -->" == marker(document(*PLANS))
    assert lines[2] == "### 2 clusters change, 2 nodes restart their service"
    assert lines[4].startswith("| cluster |")


def test_one_row_for_each_cluster() -> None:
    text = markdown(document(*PLANS), LINKS)
    assert "| `local` | 1 | 1 | **1** | **1** | 7 → 8 | v1.32.0+k3s1 |" in text
    assert "| `tools` |  |  |  |  | 1 | v1.32.0+k3s1 |" in text
    assert text.index("**Removed and replaced**") < text.index("<details>")


@pytest.mark.parametrize(("clusters", "changes"), [(1, 5000), (30, 300), (500, 40), (3000, 1)])
def test_it_is_never_too_long(clusters: int, changes: int) -> None:
    found = PlanDocument("dev", tuple(cluster(f"c{n}", changes) for n in range(clusters)))
    text = markdown(found, LINKS)
    assert len(text.encode()) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    assert "| [`c0`]" in text, "the table stays"
    assert "are left out: the comment would be too long" in text
    assert text.startswith(marker(found))


def test_small_folds_stay_beside_a_large_one() -> None:
    found = PlanDocument("dev", (cluster("large", 5000), cluster("small", 2)))
    text = markdown(found, LINKS)
    assert "<summary>small: the whole plan</summary>" in text
    assert "Details of `large` are left out" in text


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_long_words_of_a_plan_do_not_break_it(size: int) -> None:
    found = PlanDocument(
        "x" * 300, tuple(cluster("n" * size, 3, text="y" * size) for _ in range(50)), ("z" * size,) * 40
    )
    assert len(markdown(found, LINKS).encode()) <= LIMIT


def test_everything_is_escaped() -> None:
    evil = replace(change(1), address=EVIL, why=EVIL, effects=(EVIL,))
    one = replace(cluster(EVIL, 0, text=EVIL), changes=(evil,), drift=(evil,), unseen=EVIL, install=(EVIL,))
    text = markdown(PlanDocument(EVIL, (one,), (EVIL,)), LINKS)
    visible = outside_of_code(text)
    assert "<img" not in visible
    assert not re.search(r"(?<!\\)\]\(javascript", re.sub("<!--.*-->|<summary>.*</summary>", "", visible))
    assert visible.count("</details>") == 1
    assert "@team" not in visible
    assert "#12" not in visible
    assert "\x1b" not in text
    assert not [line for line in visible.splitlines() if line.startswith("# h")]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows)


def outside_of_code(text: str) -> str:
    """Take blocks and spans of code away, as a reader of Markdown does."""
    without = re.sub(r"^(`{3,})[a-z]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", without)


@given(st.text())
@settings(max_examples=200)
def test_code_and_fences_cannot_be_ended_by_what_is_in_them(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    assert not outside_of_code(span).strip()
    block = fence(text.splitlines(), "diff")
    assert not outside_of_code(block).strip()


@given(st.text())
@settings(max_examples=200)
def test_prose_and_attributes_have_no_markup(text: str) -> None:
    assert "<" not in prose(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|~]", prose(text))
    assert "<" not in attribute(text)
    assert '"' not in attribute(text)


def test_prose_reads_as_it_is() -> None:
    said = "it differs: v1.32.0+k3s1, not 5 - 3 (see dev.yaml)"
    assert prose(said) == said
    assert html.unescape(prose("a < b & c")) == "a < b & c"


def test_targets() -> None:
    assert target("https://x/a b)(<`") == "https://x/a%20b%29%28%3C%60"


def test_commands_of_a_workflow_cannot_be_forged() -> None:
    assert command_data("100%\n::error::x") == "100%25%0A::error::x"
    assert command_property("a:b,c") == "a%3Ab%2Cc"
    evil = replace(change(1), address="x\n::set-env name=A::b")
    said = plan_annotations(PlanDocument("dev", (replace(cluster("c", 0), changes=(evil,)),)), LINKS)
    assert all(line.startswith(("::warning ", "::notice ")) for line in said.splitlines())


def test_annotations_of_one_line_are_one() -> None:
    same = tuple(replace(change(n), place=Place("p", "/repo/specs/dev.yaml", 7)) for n in range(40))
    said = plan_annotations(PlanDocument("dev", (replace(cluster("c", 0), changes=same),)), LINKS)
    assert said.startswith("::warning file=specs/dev.yaml,line=7,title=40 replaced::module.pool")
    assert "and 35 more" in said
    assert said.count("::warning ") == 1


def test_annotations_of_problems() -> None:
    said = problem_annotations(DIAGNOSTICS, Links(None, Path.cwd())).splitlines()
    assert len(said) == len(DIAGNOSTICS)
    assert said[0].startswith(
        "::error file=specs/dev.yaml,line=12,title=KB0203 Subnets overlap::The control plane's"
    )
    assert any(line.startswith("::warning ") for line in said)


def test_links_of_a_run() -> None:
    github = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_SHA": "abc",
        "GITHUB_WORKSPACE": "/w",
    }
    gitlab = {"CI_PROJECT_URL": "https://gitlab.com/g/p", "CI_COMMIT_SHA": "def", "CI_PROJECT_DIR": "/w"}
    place = Place("x", "/w/specs/a b.yaml", 9)
    assert links(None, github, Path("/w")).url(place) == "https://github.com/o/r/blob/abc/specs/a%20b.yaml#L9"
    assert (
        links(None, gitlab, Path("/w")).url(place) == "https://gitlab.com/g/p/-/blob/def/specs/a%20b.yaml#L9"
    )
    assert links("https://x/y/", gitlab, Path("/w")).url(place) == "https://x/y/specs/a%20b.yaml#L9"
    assert links(None, {}, Path("/w")).url(place) is None
    assert links(None, github, Path("/w")).path("/elsewhere/dev.yaml") == "/elsewhere/dev.yaml"


def test_links_outside_of_a_forge_begin_at_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "specs").mkdir()
    found = links("https://x", {}, tmp_path / "specs")
    assert found.url(Place("x", str(tmp_path / "specs" / "dev.yaml"), 1)) == "https://x/specs/dev.yaml#L1"
