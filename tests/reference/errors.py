"""The pages of the codes of messages, from the program's own texts: an index, and one page per family.

A family is a file of `kbootstrap/core/codes/`; its page has the file's name.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources

from kbootstrap.core import codes
from kbootstrap.core.codes import CodeEntry, all_codes
from tests.reference.markdown import anchor

_TITLES = {
    "artifacts": "Artifacts",
    "autoscaler": "The server of Cluster Autoscaler",
    "cluster": "Nodes and the cluster",
    "cluster_changes": "Changes of a running cluster",
    "hosts": "Hosts and SSH",
    "kubeconfig": "Kubeconfig files",
    "local": "Provider local",
    "openstack": "Provider openstack",
    "openstack_spec": "Settings of the provider openstack",
    "rules": "Consistency of the spec",
    "schema": "Keys and values of the spec",
    "snapshots": "Snapshots, certificates, tokens and adoption",
    "ssh": "Provider ssh",
    "support": "Limits, the lock file and refused plans",
    "tofu": "OpenTofu and Terraform",
    "yaml": "The spec as a file and as YAML",
}


def index() -> str:
    """Return the page that lists every code with its title, and links to its explanation."""
    lines = [
        "# Codes of messages",
        "",
        "`kbootstrap explain KBnnnn` prints the explanation of a code. The meaning of a code never changes.",
    ]
    for family, entries in _families().items():
        lines += ["", f"## {_TITLES[family]}", ""]
        lines += (
            f"- [{entry.code}](errors/{family}.md#{anchor(_heading(entry))}): {entry.title}"
            for entry in entries
        )
    return "\n".join(lines) + "\n"


def pages() -> Mapping[str, Callable[[], str]]:
    """Return the page of each family by its file name."""
    return {f"{family}.md": functools.partial(_page, family) for family in _families()}


def _page(family: str) -> str:
    lines = [f"# Codes: {_TITLES[family]}", "", "[All codes](../errors.md)"]
    for entry in _families()[family]:
        lines += ["", f"## {_heading(entry)}", "", *_text(entry.text)]
    return "\n".join(lines) + "\n"


def _families() -> Mapping[str, list[CodeEntry]]:
    """Return the entries of each family; families and entries are in the order of the codes."""
    families: dict[str, list[CodeEntry]] = {}
    home = {code: family for family, own in _files() for code in own}
    for entry in all_codes().values():
        families.setdefault(home[entry.code], []).append(entry)
    return families


def _files() -> Iterator[tuple[str, Mapping[str, object]]]:
    for file in resources.files(codes).iterdir():
        if file.name.endswith(".toml"):
            yield file.name.removesuffix(".toml"), tomllib.loads(file.read_text("utf-8"))


def _heading(entry: CodeEntry) -> str:
    return f"{entry.code} {entry.title}"


def _text(text: str) -> Iterator[str]:
    """Yield the lines of a text as Markdown: lines that begin with two spaces are examples (code blocks)."""
    before = ""
    for line in text.splitlines():
        example, was = line.startswith("  "), before.startswith("  ")
        if example != was and before.strip():
            yield ""
        yield f"    {line.strip()}" if example else line.replace("<", "&lt;")
        before = line
