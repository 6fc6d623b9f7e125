"""What a k3s server writes, and kubeconfigs of an operator who has other clusters."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.inventory.model import Endpoint

NAME = "kbootstrap-dev/local"
SERVER = Endpoint("127.0.0.1", 21234)
ADMIN = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
"""
OTHERS = """\
# my clusters
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- name: work   # paid for by accounting
  cluster:
    server: "https://work.example:6443"
    insecure-skip-tls-verify: yes
    future-field: 0017
contexts:
- context: {cluster: work, user: me, namespace: "on"}
  name: work
current-context: work
users:
- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: cloud-login
      args: [token, --cluster, "work"]
      env: null
      interactiveMode: IfAvailable
extensions:
- name: something
  extension: {kept: 1.10}
"""

View = Callable[..., Any]


@pytest.fixture
def view() -> View:
    """Ask the real kubectl what it sees."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on this machine")

    def ask(*paths: Path) -> Any:  # noqa: ANN401 - JSON
        out = subprocess.run(
            [kubectl, "config", "view", "--raw", "-o", "json"],
            env={"KUBECONFIG": ":".join(map(str, paths)), "HOME": "/nonexistent"},
            check=True,
            capture_output=True,
        )
        return json.loads(out.stdout)

    return ask
