"""The core knows no infrastructure by name: another cloud is new files only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kbootstrap.providers import names

PACKAGE = Path(__file__).parent.parent.parent / "kbootstrap"
OUTSIDE = ("providers", "artifacts/source")
"""Folders that may name infrastructures: each provider its own, and recipes of programs built from source."""
WORDS = re.compile(
    r"openstack|\bnova\b|neutron|cinder|octavia|docker|podman|floatingip_v2|scaleway|outscale", re.IGNORECASE
)
FORMATS = {"docker.io", "docker"}
"""Names of the format and the home of images, which every engine has."""
OTHER_THINGS = {
    "local": {
        "artifacts/clean.py": "a folder of the cache",
        "checks/workloads/rules_pods.py": "a source of volumes",
        "cli/init.py": "the default of an option",
        "spec/states.py": "a backend of the state",
    },
    "ssh": {
        "autoscaler/pods/settings.py": "a key of the spec",
        "cli/main.py": "the command",
        "cli/ssh.py": "the command",
        "cluster/decide/host_record.py": "a field of host records",
        "core/programs.py": "the program",
        "engine/removed_hosts.py": "a field of the outputs",
        "hosts/command.py": "the program",
        "hosts/ssh_config.py": "the program",
        "spec/build.py": "a key of the spec",
        "spec/contents.py": "a key of the spec",
        "spec/support.py": "a key of the spec",
    },
}
"""Modules that use the name of a provider for something else."""


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield string literals but docstrings and explanations below assignments."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def test_no_infrastructure_is_named_in_the_core() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.relative_to(PACKAGE).as_posix().startswith(OUTSIDE)
        for line, text in literals(path)
        if WORDS.search(text)
        or (text in names() and path.relative_to(PACKAGE).as_posix() not in OTHER_THINGS.get(text, {}))
    ]
    assert not found


def test_exemptions_are_needed() -> None:
    for name, modules in OTHER_THINGS.items():
        for module in modules:
            assert name in {text for _, text in literals(PACKAGE / module)}, module


def test_no_provider_names_another() -> None:
    found = [
        f"{path.relative_to(PACKAGE)} imports {node.module}"
        for own in (*names(), "cloud")
        for path in sorted((PACKAGE / "providers" / own).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for other in names()
        if other != own and (node.module or "").startswith(f"kbootstrap.providers.{other}")
    ]
    assert not found
