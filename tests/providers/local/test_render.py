from __future__ import annotations

from pathlib import Path

from kbootstrap.providers.local.render import render
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock, allocate
from tests.providers.local.fake import spec


def root(folder: Path, cluster: str = "", provider: str = "{local: {}}") -> RenderedRoot:
    read = spec(folder, cluster, provider)
    return render(read, read.clusters[0], allocate(read, Lock()))


def test_files_and_modules(tmp_path: Path) -> None:
    found = root(tmp_path)
    assert sorted(found.files) == [
        "backend.tf",
        "cluster.tf",
        "control_plane.tf",
        "endpoint.tf",
        "network.tf",
        "outputs.tf",
        "pool_web.tf",
        "variables.tf",
        "versions.tf",
    ]
    assert found.modules == ("local/network", "local/endpoint", "local/nodes")


def test_the_port_is_the_specs_or_follows_from_names(tmp_path: Path) -> None:
    assert "api_port = 26443" in root(tmp_path, "", "{local: {api_port: 26443}}").files["endpoint.tf"]
    assert root(tmp_path).files["endpoint.tf"] == root(tmp_path).files["endpoint.tf"]


def test_nodes_lead_to_their_pool(tmp_path: Path) -> None:
    places = root(tmp_path).provenance
    assert places['module.pool_web.terraform_data.node["c-web-1"]'] == ("clusters", "c", "pools", 0)
    assert places["module.control_plane"] == ("clusters", "c", "control_plane")


def test_nothing_depends_on_version_or_machine(tmp_path: Path) -> None:
    text = "".join(root(tmp_path).files.values())
    assert "1.32" not in text
    assert str(tmp_path) not in text
