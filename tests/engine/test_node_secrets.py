"""What nodes need of the references in the spec: read once, hidden in all output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find, proxy, registries
from kbootstrap.engine.node_secrets import common_files
from kbootstrap.spec.model import FromEnvironment, FromFile
from kbootstrap.spec.references import Reader
from tests.distros.test_outside import CLOSED, PROXY, wanted

K3S = find("k3s")
HOST = "mirror.test:5000"


def reader(folder: Path, **env: str) -> Reader:
    for name in ("ca.pem", "nodes.pem"):
        (folder / name).write_text(f"{name}\n")
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nhidden-key\n-----END PRIVATE KEY-----\n")
    return Reader(folder, env, "registries", "KB0386")


def test_files_of_registries(tmp_path: Path) -> None:
    redactor, source = Redactor(), reader(tmp_path, KB_USERNAME="anna", KB_PASSWORD="very-secret")
    found = common_files(K3S, wanted(CLOSED), source, redactor)
    assert found.keys() == registries.secret_paths(K3S, wanted(CLOSED))
    assert 'password: "very-secret"' in found[registries.file_path(K3S)]
    assert found[registries.pem_path(K3S, HOST, "ca")] == "ca.pem\n"
    assert "hidden-key" in found[registries.pem_path(K3S, HOST, "key")]
    assert "very-secret" not in redactor.clean("very-secret")


def test_credentials_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "login").write_text('username: anna\npassword: "two words"\n')
    through = replace(PROXY, credentials=FromFile("login"))
    found = common_files(K3S, wanted(None, through), reader(tmp_path), Redactor())
    assert "//anna:two%20words@proxy.test" in found[proxy.environment_path(K3S)]
    (tmp_path / "login").write_text("username: anna\n")
    with pytest.raises(CredentialsRefused, match="does not have a user name and a password"):
        common_files(K3S, wanted(None, through), reader(tmp_path), Redactor())


def test_a_missing_variable(tmp_path: Path) -> None:
    through = replace(PROXY, credentials=FromEnvironment("P"))
    with pytest.raises(CredentialsRefused, match="P_USERNAME is not set") as caught:
        common_files(K3S, wanted(None, through), reader(tmp_path), Redactor())
    assert caught.value.code == "KB0386"


def test_nothing_is_read_for_a_cluster_without_both(tmp_path: Path) -> None:
    assert common_files(K3S, wanted(None), reader(tmp_path), Redactor()) == {}
