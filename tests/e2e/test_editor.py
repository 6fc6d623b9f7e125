"""What editors show for a spec: the real YAML language server with our schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.spec.editor_schema import FILE, bundle
from kbootstrap.spec.templates import template, template_names
from tests.e2e.lab import CHECKOUT, need
from tests.editor.server import Server, installed, language_server

LINE = f"# yaml-language-server: $schema={FILE}\n"
SPEC = (
    LINE
    + """apiVersion: kbootstrap/v1alpha1
name: dev
clusters:
  one:
    provider: {local: {}}
    kubernetes: {version: v1.32.0+k3s1}
    control_plane: {nodes: 1}
    pools:
      - name: web
        nodes: 1
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("editor")
    (made / FILE).write_text(json.dumps(bundle()))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    program = installed()
    need(program, "YAML's language server is not installed (.ci/setup-tests)")
    assert program
    with language_server(program, folder) as started:
        yield started


@pytest.mark.parametrize("name", template_names())
def test_first_specs_have_no_problem(server: Server, folder: Path, name: str) -> None:
    path = folder / f"{name}.yaml"
    path.write_text(template(name))
    assert path.read_text().startswith(LINE)
    assert server.problems(path) == []


@pytest.mark.parametrize("name", ["local.yaml", "exponent.yaml", "openstack-lab.yaml", "ovh.yaml"])
def test_examples_have_no_problem(server: Server, folder: Path, name: str) -> None:
    path = folder / f"example-{name}"
    path.write_text(LINE + (CHECKOUT / "specs" / name).read_text())
    assert server.problems(path) == []


@pytest.mark.parametrize(
    ("good", "bad", "line", "said"),
    [
        ("        nodes: 1\n", "        nodez: 1\n", 10, "nodez"),
        ("nodes: 1}", "nodes: many}", 7, "integer"),
        ("{local: {}}", "{openstack: {clout: x}}", 5, "clout"),
        ("name: dev", "name: Dev!", 2, "pattern"),
    ],
)
def test_a_typo_is_marked_where_it_is(
    server: Server, folder: Path, good: str, bad: str, line: int, said: str
) -> None:
    assert good in SPEC
    path = folder / f"typo-{line}.yaml"
    path.write_text(SPEC.replace(good, bad))
    found = server.problems(path)
    assert [(one["range"]["start"]["line"], said in one["message"]) for one in found] == [(line, True)]


def test_keys_are_completed(server: Server, folder: Path) -> None:
    path = folder / "completion.yaml"
    path.write_text(SPEC + "        \n    \n")
    server.problems(path)
    in_pool = {item["label"] for item in server.at("completion", path, 11, 8)["items"]}
    assert {"labels", "taints", "flavor", "autoscaling"} <= in_pool
    in_cluster = {item["label"] for item in server.at("completion", path, 12, 4)["items"]}
    assert {"network", "api", "ssh", "snapshots"} <= in_cluster


def test_texts_are_shown(server: Server, folder: Path) -> None:
    path = folder / "hover.yaml"
    path.write_text(SPEC)
    server.problems(path)
    shown = server.at("hover", path, 7, 6)["contents"]["value"]
    assert bundle()["definitions"]["cluster"]["properties"]["control_plane"]["description"][:30] in shown
