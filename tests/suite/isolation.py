"""Keeps from tests what an operator has on the machine: settings, credentials, files of the home folder.

Caches stay, because tests would build k3s again without them; so do the settings of package installers and of
the container engine, which say how this machine reaches its network.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

KEPT = frozenset(
    {
        "KBOOTSTRAP_CACHE",
        "KBOOTSTRAP_ENGINE",
        "KBOOTSTRAP_RELEASES_URL",
        "KBOOTSTRAP_TEST_CLUSTER_AUTOSCALER",
        "KBOOTSTRAP_TEST_RKE2",
        "KBOOTSTRAP_TEST_RKE2_CNI",
        "AWS_CA_BUNDLE",
    }
)
"""Variables that say where things are on this machine, or what the tests are for."""
_HIDDEN = frozenset(
    {
        "KUBECONFIG",
        "SSH_AUTH_SOCK",
        "BASH_ENV",
        "NO_COLOR",
        "FORCE_COLOR",
        "PYTHONDONTWRITEBYTECODE",  # a fifth of the processor time of every run of kbootstrap
    }
)
_PREFIXES = ("KBOOTSTRAP_", "OS_", "TF_", "TOFU_", "AWS_", "PG", "GITHUB_", "GITLAB_", "CI_", "GIT_AUTHOR_")
_OF_TOOLS = {
    "DOCKER_CONFIG": ".docker",
    "GOENV": ".config/go/env",
    "NPM_CONFIG_USERCONFIG": ".npmrc",
    "PIP_CONFIG_FILE": ".config/pip/pip.conf",
    "UV_CONFIG_FILE": ".config/uv/uv.toml",
    "XDG_DATA_HOME": ".local/share",  # containers of Podman without root
}
"""Variable to the file or folder of the home folder that it stands for."""


def isolated(env: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment without an operator's settings, with another home folder."""
    before = Path(env.get("HOME") or Path.home())
    found = {
        name: value
        for name, value in env.items()
        if name in KEPT or not (name in _HIDDEN or name.startswith(_PREFIXES))
    }
    found.setdefault("XDG_CACHE_HOME", str(before / ".cache"))
    for name, path in _OF_TOOLS.items():
        if (before / path).exists():
            found.setdefault(name, str(before / path))
    found.pop("XDG_CONFIG_HOME", None)
    return found | {"HOME": str(home)}


def isolate() -> None:
    """Isolate this process and what it starts; workers of xdist inherit it from their parent."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    home = Path(tempfile.mkdtemp(prefix="kbootstrap-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    env = isolated(os.environ, home)
    os.environ.clear()
    os.environ.update(env)
