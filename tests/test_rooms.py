"""The rooms keep their order: imports follow the flow, and only cli/ and views/ know click and rich."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kbootstrap"

# Each room may import those of the lines above it, never one of its own line or below.
ORDER = (
    ("__init__", "core"),
    ("spec", "timeline"),
    ("distros", "inventory", "cost"),
    ("artifacts", "render", "hosts", "kubeconfig", "simulation"),
    ("tofu", "cluster", "providers"),
    ("plans", "checks", "autoscaler"),
    ("engine",),
    ("commands",),
    ("views",),
    ("cli",),
    ("__main__",),
)
HEAVY = {
    *("asyncssh", "cryptography", "httpx2", "jsonschema", "lightkube", "openstack", "python_terraform"),
    *("google", "grpc", "prometheus_client", "rich", "ruamel", "zstandard"),
    *("asyncio", "json", "logging", "socket", "ssl", "subprocess", "tempfile"),
}
"""What help must not import; bench/help.py measures its processor time."""
LEVELS = {name: level for level, names in enumerate(ORDER) for name in names}

# The same inside the cluster room; `deadlines` is a module.
CLUSTER = (
    ("__init__", "deadlines", "lock"),
    ("state",),
    ("steps",),
    ("decide",),
    ("api",),
    ("observe",),
    ("converge",),
    ("snapshots",),
)


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "data" not in path.parts)


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.startswith("kbootstrap"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _modules(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules that one imports; `from package import module` is about the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in known else node.module
                if found in known:
                    yield found


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in modules()} <= set(LEVELS)


def test_imports_follow_the_flow() -> None:
    wrong = []
    for path in modules():
        own = room(path)
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "kbootstrap" or len(parts) == 1 or parts[1] in {own, "__version__"}:
                continue
            if LEVELS[parts[1]] >= LEVELS[own]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_the_cluster_room_keeps_its_order() -> None:
    levels = {name: level for level, names in enumerate(CLUSTER) for name in names}
    wrong = []
    for path in modules():
        inside = path.relative_to(PACKAGE).parts
        if inside[0] != "cluster":
            continue
        own = inside[1].removesuffix(".py")
        for name in imported(path):
            parts = name.split(".")
            if parts[:2] != ["kbootstrap", "cluster"] or len(parts) < 3 or parts[2] == own:
                continue
            if levels[parts[2]] >= levels[own]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_no_two_modules_import_each_other() -> None:
    """Not even for types: reading one of two such modules means reading both."""
    names = {dotted(path): path for path in modules()}
    graph = {name: set(_modules(path, names)) for name, path in names.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_two_classes_have_the_same_name() -> None:
    """Otherwise a name in a signature does not say which of them it is."""
    places: dict[str, list[str]] = {}
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_only_the_entry_is_loose() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_only_the_surface_knows_click_and_rich() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        if room(path) not in {"cli", "views", "__main__"}
        for name in imported(path)
        if name.split(".")[0] in {"click", "rich"}
    ]
    assert not wrong


def test_arguments_and_presentation_only_in_cli() -> None:
    """What a command does is in `commands/`: locks, concurrency, and what happens for each cluster."""
    loops = {"session.py": "the problems of a plan that was shown"}
    forbidden = ("kbootstrap.cluster.lock", "kbootstrap.core.concurrency", "kbootstrap.engine.side_by_side")
    wrong = []
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        wrong += [
            f"{path.name} imports {name}"
            for name in imported(path)
            if name.startswith(forbidden) or name.rpartition(".")[2] in {"locked", "contexts"}
        ]
        if path.name not in loops:
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            loop = (ast.For, ast.AsyncFor, ast.comprehension)
            iterables = [node.iter for node in nodes if isinstance(node, loop)]
            wrong += [
                f"{path.name}:{one.lineno} loops over {ast.unparse(one)}"
                for one in iterables
                if isinstance(one, ast.Attribute) and one.attr == "clusters"
            ]
    assert not wrong


def test_only_two_modules_start_processes() -> None:
    allowed = {"core/process.py", "cli/ssh.py"}
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if "subprocess" in set(imported(path)) and str(path.relative_to(PACKAGE)) not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("arguments", [["--help"], ["apply", "--help"]])
def test_help_stays_light(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom kbootstrap.__main__ import main\n"
        f"main({arguments!r})\n"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_package_that_is_imported_is_declared() -> None:
    """A package that only comes with another one is gone, or another one, with that one's next version."""
    whole = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
    project = whole["project"]
    modules_of = {
        "grpcio": "grpc",
        "openstacksdk": "openstack",
        "prometheus-client": "prometheus_client",
        "protobuf": "google",
        "python-terraform": "python_terraform",
        "resvg-py": "resvg_py",
        "ruamel.yaml": "ruamel",
    }
    extras = project["optional-dependencies"]
    wanted = ("openstack", "pictures", "autoscaler")
    requirements = [*project["dependencies"], *(one for name in wanted for one in extras[name])]
    known = {re.split(r"[<>=]", one)[0] for one in requirements}
    known = {modules_of.get(name, name) for name in known}
    used = {name.split(".")[0] for path in modules() for name in imported(path)}
    assert used - known - set(sys.stdlib_module_names) <= {"kbootstrap"}
    assert all(">=" in one for one in requirements)
    assert set(project["optional-dependencies"]["openstack"]) <= set(whole["dependency-groups"]["dev"])
