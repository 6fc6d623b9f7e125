"""What is not ours stays byte for byte in the operator's kubeconfig: by example, and with generated files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.merge import merge_into
from kbootstrap.kubeconfig.read import FIELDS, Section, read
from kbootstrap.kubeconfig.remove import remove

from .conftest import ADMIN, NAME, SERVER, View

KUBECTL = shutil.which("kubectl")
RENEWED = ADMIN.replace("S0VZ", "TkVX")
TEXTS = [
    "695e0514", "~", "2026-11-28", "2026-11-28T18:00:00Z", "12:30:00", "NaN", "=", "'it''s'", '"a: b # c"',
    '"\\u00e9"', "!!str 12", "a#b", "a, b", "Zoë", "https://host:6443/path", "a" * 300,
]  # fmt: skip
"""Scalars that kubectl takes for texts; YAML 1.1 and 1.2 disagree about some."""
ODD = [
    *TEXTS, "https://host:6443/a?q=1",
    "1.10", "0017", "yes", "on", "n", ".5", "1_000", "0x1F", "1e3", ".inf", "-1", "0o17", "9" * 30,
]  # fmt: skip
"""What an operator's file may have, whatever kubectl says of it."""


def switched(text: str, *, switch: bool = False, admin: str = ADMIN) -> tuple[str, str]:
    """Merge our cluster into a file and remove it again; return the file's text after each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_bytes(text.encode())
        merge_into([path], admin, NAME, SERVER, switch=switch)
        merged = path.read_bytes().decode()
        assert read(path).find("users", NAME)
        assert merge_into([path], admin, NAME, SERVER, switch=switch) == ()
        remove([path], NAME)
        return merged, path.read_bytes().decode()


CASES = {
    "as kubectl writes it": """\
apiVersion: v1
clusters:
- cluster:
    server: https://a:6443
  name: a
contexts:
- context:
    cluster: a
    namespace: 695e0514
    user: me
  name: a
current-context: a
kind: Config
preferences: {}
users:
- name: me
  user:
    token: 12e34567
    expires: 2026-11-28T18:00:00Z
""",
    "indented, with comments everywhere": """\
# top
clusters: # all of them
    # the first
    - name: a # paid
      cluster: {server: "https://a:6443"}
      # insecure: true

    # before nothing
contexts:
    - {name: a, context: {cluster: a, user: me}}   # one line
users:
    - name: me
      user:
        token: |-
          several
            lines

# current
current-context: a
# end""",
    "anchors and merge keys": """\
x-common: &common {insecure-skip-tls-verify: yes}
clusters:
- name: a
  cluster: &a
    <<: *common
    server: https://a:6443
- name: b
  cluster: *a
contexts:
- &context
  name: a
  context: {cluster: a, user: me, namespace: 1e3}
users:
- name: me
  user: {}
current-context: "a"
""",
    "JSON": """\
{"apiVersion": "v1", "kind": "Config",
 "clusters": [
  {"name": "a", "cluster": {"server": "https://a:6443"}},
  {"name": "b", "cluster": {"server": "https://b:6443"}}
 ],
 "contexts": [{"name": "a", "context": {"cluster": "a", "user": "me"}}], "current-context": "a",
 "users": [{"name": "me", "user": {"token": "695e0514"}}]}
""",
    "a document mark and its end": "---\nclusters:\n- {name: a, cluster: {}}\ncontexts:\n- {name: a}\n"
    "users:\n- {name: a}\ncurrent-context: a\n...\n",
    "a value that is not written at the end": "current-context: a\nclusters:\n- name: a\n  cluster:\n"
    "contexts:\n-\n  name: a\n  context:\nusers:\n- # me\n  name: me\n  user:\n",
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_other_text_stays_byte_for_byte(case: str, ends: str) -> None:
    text = CASES[case].replace("\n", ends)
    merged, removed = switched(text)
    assert removed.removesuffix(ends) == text.removesuffix(ends)
    rest = iter(merged.split(ends))
    if case != "JSON":
        assert all(line in rest for line in text.split(ends) if line), "lines changed, or their order"
    assert ends == "\n" or "\n" not in merged.replace("\r\n", "")
    assert switched(merged.replace("S0VZ", "T0xE"))[0] == merged, "an entry is renewed where it stands"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("clusters: []\n", "clusters:\n- cluster:"),
        ("clusters: null # none\n", "clusters: # none\n- cluster:"),
        ("clusters:\nkind: Config\n", "clusters:\n- cluster:"),
        ("clusters: ~\n", "clusters:\n- cluster:"),
        ("clusters: &a []\n", 'clusters: &a [{"cluster":'),
        ("clusters: [\n  # none\n]\n", 'clusters: [{"cluster":'),
        ("{}\n", '"clusters": [{"cluster":'),
        ("{clusters: , users: []}\n", 'clusters: [{"cluster":'),
        ("# nothing yet", "# nothing yet\napiVersion: v1\nkind: Config\nclusters:\n- cluster:"),
        ("", "apiVersion: v1\nkind: Config\nclusters:\n- cluster:"),
        ("users:\n  - {name: me}\n", "clusters:\n  - cluster:"),
        ("\ufeffkind: Config\n", "\ufeffkind: Config\nclusters:\n- cluster:"),
    ],
)
def test_lists_that_hold_nothing(before: str, after: str) -> None:
    merged, removed = switched(before)
    assert after in merged
    assert NAME not in removed
    assert switched(removed)[1] == removed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("current-context:\nkind: Config\n", f"current-context: {NAME}\nkind: Config\n"),
        ("current-context: null # none\n", f"current-context: {NAME} # none\n"),
        ("current-context: ''\n", f"current-context: {NAME}\n"),
        ('current-context: ""\n', f'current-context: "{NAME}"\n'),
        ("kind: Config\n", f"current-context: {NAME}\n"),
    ],
)
def test_a_current_context_is_set_where_there_is_none(before: str, after: str) -> None:
    assert after in switched(before)[0]


@pytest.mark.parametrize("second", ["current-context: work\n", ""])
def test_a_current_context_in_any_file_counts(tmp_path: Path, second: str) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, text in zip(paths, ("kind: Config\n", second), strict=True):
        path.write_text(text)
    merge_into(paths, ADMIN, NAME, SERVER, switch=False)
    assert [read(path).current_context for path in paths] == (["", "work"] if second else [NAME, ""])


def test_names_that_look_like_numbers_do_not_change_ours(tmp_path: Path, view: View) -> None:
    """An entry of ours with comments, another order and quotes is not written again for that."""
    path = tmp_path / "config"
    text = (
        'kind: Config\nusers:\n- user: # mine\n    client-key-data: "S0VZ"\n'
        "    client-certificate-data: Q0VSVA==\n"
        f"  name: '{NAME}'\ncurrent-context: 695e0514\n"
    )
    path.write_text(text)
    merge_into([path], ADMIN, NAME, SERVER, switch=False)
    assert path.read_text().startswith(text[: text.index("current-context")])
    merge_into([path], RENEWED, NAME, SERVER, switch=False)
    assert "current-context: 695e0514\n" in path.read_text()
    assert read(path).current_context == "695e0514"
    assert next(u for u in view(path)["users"] if u["name"] == NAME)["user"]["client-key-data"] == "TkVX"


@pytest.mark.parametrize(
    "text",
    [
        "x: &a []\nclusters: *a\nusers: *a\n",
        f"users:\n- name: {NAME}\n  user: &u {{client-key-data: old}}\n- name: other\n  user: *u\n",
        f"contexts:\n- name: {NAME}\n  context: *c\nx: 1\n".replace(
            "contexts", "y: &c {cluster: a}\ncontexts"
        ),
    ],
)
def test_what_cannot_be_edited_is_refused_and_not_changed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(PrerequisiteMissing) as caught:
        merge_into([path], ADMIN, NAME, SERVER, switch=True)
    assert caught.value.code == "KB1006"
    assert path.read_text() == text


def test_a_map_that_refers_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("&a\n<<: *a\nx: &b [*b]\n")
    merge_into([path], ADMIN, NAME, SERVER, switch=True)
    assert path.read_text().startswith("&a\n<<: *a\nx: &b [*b]\n")


@dataclass(frozen=True)
class Generated:
    """A file: its text, and the texts of the entries in it, which must stay."""

    text: str
    chunks: tuple[str, ...]
    complete: bool
    """Every list has an entry, and there is a current context: then removing ours restores every byte."""


@st.composite
def kubeconfigs(draw: st.DrawFn, odd: list[str]) -> Generated:
    indent = " " * draw(st.sampled_from([0, 0, 2, 4]))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    chunks: list[str] = []
    parts: list[str] = []
    complete = True
    for section, field in FIELDS.items():
        count = draw(st.integers(0, 3))
        made = [draw(entry(section, field, f"other-{number}", indent, odd)) for number in range(count)]
        complete = complete and bool(made)
        chunks += made
        made = [one + draw(st.sampled_from(["", "\n"])) for one in made]
        comment = draw(st.sampled_from(["", " # them"]))
        empty = draw(st.sampled_from(["", f"{section}: []\n", f"{section}: null\n", f"{section}:\n"]))
        parts.append(f"{section}:{comment}\n" + "".join(made) if made else empty)
    current = draw(st.sampled_from(["other-0", "695e0514", '"a b"']))
    parts.append(
        draw(st.sampled_from([f"current-context: {current}\n", f"current-context: {current} # now\n", ""]))
    )
    complete = complete and bool(parts[-1])
    parts += draw(st.sampled_from([[], ["preferences: {colors: yes}\n"], ["x-stamp: 2026-11-28\n# later\n"]]))
    parts += ["apiVersion: v1\n", "kind: Config\n"]
    text = draw(st.sampled_from(["", "---\n", "# mine\n\n"])) + "".join(draw(st.permutations(parts)))
    chunks = [chunk.replace("\n", ends) for chunk in chunks]
    return Generated(text.replace("\n", ends), tuple(chunks), complete)


@st.composite
def entry(draw: st.DrawFn, section: Section, field: str, name: str, indent: str, scalars: list[str]) -> str:
    key = {"clusters": "server", "users": "token", "contexts": "namespace"}[section]
    style = draw(st.sampled_from(["block", "content first", "flow", "JSON", "own line"]))
    comment = draw(st.sampled_from(["", f"{indent}# about {name}\n"]))
    after = draw(st.sampled_from(["", f"{indent}    # {key}: old\n"]))
    odd = draw(st.sampled_from([one for one in scalars if style != "flow" or "," not in one]))
    if style == "JSON":
        return f"{comment}{indent}- {json.dumps({'name': name, field: {key: 'x'}})}\n{after}"
    if style == "flow":
        return f"{comment}{indent}- {{name: {name}, {field}: {{{key}: {odd} }}}} # {name}\n{after}"
    dash = "-\n" + indent + "  " if style == "own line" else "- "
    if style == "content first":
        return f"{comment}{indent}- {field}:\n{indent}    {key}: {odd}\n{indent}  name: {name}\n{after}"
    return f"{comment}{indent}{dash}name: {name}\n{indent}  {field}:\n{indent}    {key}: {odd}\n{after}"


@given(kubeconfigs(ODD), st.booleans())
@settings(deadline=None, max_examples=40)
def test_generated_files_keep_every_byte(found: Generated, switch: bool) -> None:
    merged, removed = switched(found.text, switch=switch)
    places = []
    for text in (merged, removed):
        places = [text.find(chunk) for chunk in found.chunks]
        assert -1 not in places
    assert len(set(places)) == len(set(found.chunks))
    if found.complete and not switch:
        assert removed == found.text


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not on this machine")
@given(kubeconfigs(TEXTS), st.booleans())
@settings(deadline=None, max_examples=10)
def test_kubectl_sees_the_same_of_others(found: Generated, switch: bool) -> None:
    before = seen(found.text)
    assert before is not None
    merged, removed = switched(found.text, switch=switch)
    after, last = seen(merged), seen(removed)
    assert after is not None
    assert last is not None
    for section in FIELDS:
        others = before[section] or []
        assert [one for one in after[section] if one["name"] != NAME] == others
        assert (last[section] or []) == others
    mine = {section: next(o for o in after[section] if o["name"] == NAME) for section in FIELDS}
    assert mine["users"]["user"] == {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}
    assert mine["contexts"]["context"] == {"cluster": NAME, "user": NAME}
    assert after["current-context"] == (
        before["current-context"] if not switch and before["current-context"] else NAME
    )


def seen(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return what kubectl sees in a file, None where it refuses it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", newline="") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [str(KUBECTL), "config", "view", "--raw", "-o", "json", "--kubeconfig", file.name],
            env={"HOME": "/nonexistent"},
            check=False,
            capture_output=True,
        )
    return json.loads(done.stdout) if done.returncode == 0 else None
