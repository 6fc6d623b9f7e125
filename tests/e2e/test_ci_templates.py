"""The shell steps of the CI templates in `docs/ci`, in their order, around a real cluster of one node.

What a forge adds is made here: GitHub's `gh` by a script that keeps comments in a file, GitLab's API by a
server on this machine. Actions of others (`uses:`) and the steps that install and log in are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ruamel.yaml import YAML

from tests.e2e.lab import CHECKOUT, LONG, Lab, leftovers, need, new_lab, program
from tests.e2e.specs import NETWORK

pytestmark = [pytest.mark.ordered]
NAME = "e2eci"
SPEC = f"""\
apiVersion: kbootstrap/v1alpha1
name: {NAME}
clusters:
  {NAME}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {NETWORK}
    control_plane: {{nodes: 1}}
"""
GH = """#!/bin/sh
# Answers like `gh api`: a list of comments with --jq, and two ways to write one.
case "$*" in
  *--jq*) [ ! -e comment.md ] || echo 7 ;;
  *"-X PATCH repos/acme/shop/issues/comments/7 -F body=@plan.md"*)
    echo changed >>comments; cp plan.md comment.md ;;
  *"-X POST repos/acme/shop/issues/12/comments -F body=@plan.md"*)
    echo made >>comments; cp plan.md comment.md ;;
  *) echo "gh: $*" >&2; exit 1 ;;
esac
"""
OUTSIDE = ("Install kbootstrap", "Give the run its credentials")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((CHECKOUT / "docs" / "ci" / name).read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A checkout with a spec, its lock file and its rendered tree; the tool is Terraform."""
    terraform = program("terraform")
    need(terraform, "terraform is not installed")
    lab = new_lab(tmp_path_factory, "ci", str(terraform))
    lab.spec(SPEC, "clusters.yaml")
    lab.run("lock", "clusters.yaml")
    lab.run("render", "--out", "rendered", "clusters.yaml")
    programs = lab.folder / "programs"
    programs.mkdir()
    for name, text in (
        ("gh", GH),
        ("kbootstrap", f'#!/bin/sh\nexec {sys.executable} -m kbootstrap "$@"\n'),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    try:
        yield lab
    finally:
        lab.run("destroy", "-y", "clusters.yaml")
    assert leftovers(NAME, NAME) == []


def shell(lab: Lab, script: str, more: Mapping[str, str]) -> None:
    """Run a step as a runner does."""
    env = {**lab.env, "CI": "true", "KBOOTSTRAP_TOFU": lab.tool, **more}
    env["PATH"] = f"{lab.folder / 'programs'}:{os.environ['PATH']}"
    words = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(
        words,
        cwd=lab.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def steps(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield the shell steps of a job of GitHub's."""
    for step in job["steps"]:
        if "run" in step and step["name"] not in OUTSIDE:
            yield step["run"]


def github(folder: Lab, workflow: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a run for the pull request 12."""
    return {
        **{name: workflow["env"][name] for name in ("SPEC", "RENDERED")},
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": "0" * 40,
        "GITHUB_WORKSPACE": str(folder.folder),
        "GITHUB_STEP_SUMMARY": str(folder.folder / "summary.md"),
        "PR": "12",
    }


def test_github_reviews(folder: Lab) -> None:
    workflow = read("github.yaml")
    env = github(folder, workflow)
    for _ in range(2):  # another push to the same pull request
        for script in steps(workflow["jobs"]["review"]):
            shell(folder, script, env)
    assert (folder.folder / "comments").read_text().split() == ["made", "changed"]
    comment = (folder.folder / "comment.md").read_text()
    assert f"https://github.com/acme/shop/blob/{'0' * 40}/clusters.yaml#L4" in comment
    assert comment in (folder.folder / "summary.md").read_text()


@pytest.mark.full
def test_github_applies(folder: Lab) -> None:
    workflow = read("github.yaml")
    env = github(folder, workflow)
    for script in steps(workflow["jobs"]["apply"]):
        shell(folder, script, env)
    assert folder.ready_nodes() == {f"{NAME}-control-plane-1"}
    assert (folder.folder / "events.jsonl").read_text().count("\n") > 10


class _Notes(BaseHTTPRequestHandler):
    """The notes of one merge request, as GitLab's API has them ("Notes API")."""

    notes: list[dict[str, Any]]
    asked: list[str]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        allowed = self.headers.get("PRIVATE-TOKEN") == "token-of-the-project"
        path = self.path.partition("?")[0]
        self.asked.append(f"{self.command} {path}")
        if self.command != "GET" and allowed:
            text = parse_qs(body)["body"][0]
            number = int(path.rpartition("/")[2]) if self.command == "PUT" else len(self.notes) + 1
            self.notes[:] = [one for one in self.notes if one["id"] != number] + [
                {"id": number, "body": text}
            ]
        content = json.dumps(self.notes).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 (names of http.server)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def gitlab() -> Iterator[tuple[str, type[_Notes]]]:
    handler = type("Notes", (_Notes,), {"notes": [{"id": 1, "body": "a person's"}], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v4", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.full
def test_gitlab(folder: Lab) -> None:
    """After GitHub's: the cluster is there, so the plan says that nothing is to do."""
    pipeline = read("gitlab.yaml")
    with gitlab() as (url, notes):
        env = {
            **pipeline["variables"],
            "CI_API_V4_URL": url,
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "12",
            "NOTES_TOKEN": "token-of-the-project",
        }
        for _ in range(2):
            for job in ("check", "plan"):
                for script in pipeline[job]["script"]:
                    shell(folder, script, env)
        where = "/api/v4/projects/3/merge_requests/12/notes"
        assert notes.asked == [f"GET {where}", f"POST {where}", f"GET {where}", f"PUT {where}/2"]
        assert [note["id"] for note in notes.notes] == [1, 2]
        assert notes.notes[1]["body"] == (folder.folder / "plan.md").read_text()
        assert Path(folder.folder / "token").stat().st_mode & 0o777 == 0o600
        for script in pipeline["apply"]["script"]:
            shell(folder, script, env)
