from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kbootstrap.core.errors import Locked, PrerequisiteMissing
from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig.merge import merge_into

from .conftest import ADMIN, NAME, OTHERS, SERVER, View

ELSEWHERE = Endpoint("127.0.0.1", 1)


def names(seen: dict[str, Any], section: str) -> list[str]:
    return [entry["name"] for entry in seen[section] or []]


def test_into_nothing(tmp_path: Path, view: View) -> None:
    path = tmp_path / ".kube" / "config"
    assert merge_into([path], ADMIN, NAME, SERVER, switch=True) == (path,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    seen = view(path)
    assert seen["current-context"] == NAME
    assert seen["clusters"][0]["cluster"] == {"certificate-authority-data": "Q0E=", "server": SERVER.url}
    assert seen["users"][0]["user"] == {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}
    assert [p.name for p in path.parent.iterdir()] == ["config"]


def test_beside_others(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    before = view(path)
    merge_into([path], ADMIN, NAME, SERVER, switch=False)
    for line in OTHERS.splitlines():
        assert line in path.read_text().splitlines()
    after = view(path)
    for section in ("clusters", "contexts", "users"):
        assert names(after, section)[-1] == NAME or names(after, section)[0] == NAME
        assert [e for e in after[section] if e["name"] != NAME] == before[section]
    assert after["current-context"] == "work"
    assert YAML(typ="safe").load(path)["extensions"][0]["extension"] == {"kept": 1.1}


def test_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    assert merge_into([path], ADMIN, NAME, SERVER, switch=True) == (path,)
    assert merge_into([path], ADMIN, NAME, SERVER, switch=True) == ()


def test_renewed_in_place_with_the_operators_namespace(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    merge_into([path], ADMIN, NAME, SERVER, switch=True)
    path.write_text(path.read_text().replace("    user: kboot", "    namespace: team\n    user: kboot"))
    merge_into([path], ADMIN.replace("S0VZ", "TkVX"), NAME, ELSEWHERE, switch=False)
    seen = view(path)
    assert len(seen["users"]) == 1
    assert seen["users"][0]["user"]["client-key-data"] == "TkVX"
    assert seen["clusters"][0]["cluster"]["server"] == ELSEWHERE.url
    assert seen["contexts"][0]["context"]["namespace"] == "team"


def test_the_name_in_the_certificate_comes_and_goes_with_the_endpoint(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    merge_into([path], ADMIN, NAME, replace(SERVER, server_name="10.9.0.10"), switch=True)
    assert view(path)["clusters"][0]["cluster"]["tls-server-name"] == "10.9.0.10"
    merge_into([path], ADMIN, NAME, SERVER, switch=True)
    assert "tls-server-name" not in path.read_text()


def test_existing_entries_are_renewed_where_they_are(tmp_path: Path, view: View) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(OTHERS)
    merge_into([second], ADMIN, NAME, SERVER, switch=False)
    changed = merge_into([first, second], ADMIN, NAME, ELSEWHERE, switch=True)
    assert set(changed) == {first, second}
    assert NAME not in first.read_text().replace(f"current-context: {NAME}", "")
    seen = view(first, second)
    assert seen["current-context"] == NAME
    assert names(seen, "clusters") == ["kbootstrap-dev/local", "work"]


def test_a_null_list_and_flow_style(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    path.write_text("{apiVersion: v1, kind: Config, clusters: null, users: [], contexts: []}\n")
    merge_into([path], ADMIN, NAME, SERVER, switch=True)
    assert names(view(path), "clusters") == [NAME]


def test_a_broken_file_anywhere_in_the_list_stops_before_anything_changes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(OTHERS)
    second.write_text("clusters: [")
    with pytest.raises(PrerequisiteMissing, match="not a usable kubeconfig"):
        merge_into([first, second], ADMIN, NAME, SERVER, switch=True)
    assert first.read_text() == OTHERS


def test_respects_kubectls_lock(tmp_path: Path) -> None:
    path = tmp_path / "config"
    (tmp_path / "config.lock").touch()
    with pytest.raises(Locked):
        merge_into([path], ADMIN, NAME, SERVER, switch=True, wait=0)
    assert not path.exists()


def test_a_symbolic_link_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "config"
    real.write_text(OTHERS)
    link.symlink_to(real)
    merge_into([link], ADMIN, NAME, SERVER, switch=True)
    assert link.is_symlink()
    assert NAME in real.read_text()
