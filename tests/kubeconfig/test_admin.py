from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import InstallFailed
from kbootstrap.kubeconfig.admin import own_copy, write_own_copy

from .conftest import ADMIN, NAME, SERVER, View


def test_own_copy() -> None:
    assert own_copy(ADMIN, NAME, SERVER) == (
        """\
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://127.0.0.1:21234
  name: kbootstrap-dev/local
users:
- name: kbootstrap-dev/local
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
contexts:
- context:
    cluster: kbootstrap-dev/local
    user: kbootstrap-dev/local
  name: kbootstrap-dev/local
current-context: kbootstrap-dev/local
"""
    )


def test_kubectl_reads_it(tmp_path: Path, view: View) -> None:
    path = tmp_path / "run" / "kubeconfig"
    write_own_copy(path, ADMIN, NAME, SERVER)
    assert path.stat().st_mode & 0o777 == 0o600
    seen = view(path)
    assert seen["current-context"] == NAME
    assert seen["clusters"][0]["cluster"]["server"] == SERVER.url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        ADMIN.replace("current-context: default", ""),
        ADMIN.replace("user: default", "user: other"),
        ADMIN.split("users:")[0],
        ADMIN.replace("certificate-authority-data: Q0E=", ""),
    ],
)
def test_incomplete(text: str) -> None:
    with pytest.raises(InstallFailed) as caught:
        own_copy(text, NAME, SERVER)
    assert caught.value.code == "KB1005"
    assert "S0VZ" not in f"{caught.value.message}{caught.value.hint}{caught.value.detail}"
