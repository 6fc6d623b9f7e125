"""What tests must not see of the machine, and what they still need of it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.suite.isolation import isolated

OPERATOR = {
    "KUBECONFIG": "/x",
    "SSH_AUTH_SOCK": "/x",
    "OS_CLOUD": "mine",
    "OS_PASSWORD": "secret",
    "TF_CLI_CONFIG_FILE": "/x",
    "TF_VAR_engine": "x",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "PGPASSWORD": "secret",
    "KBOOTSTRAP_TOFU": "/x",
    "GITHUB_STEP_SUMMARY": "/x",
    "XDG_CONFIG_HOME": "/x",
}


def test_an_operators_settings_are_hidden(tmp_path: Path) -> None:
    env = isolated({**OPERATOR, "HOME": str(tmp_path / "before"), "PATH": "/bin"}, tmp_path / "home")
    assert not env.keys() & OPERATOR.keys()
    assert (env["HOME"], env["PATH"]) == (str(tmp_path / "home"), "/bin")


def test_caches_and_settings_of_installers_stay(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    env = isolated(
        {"HOME": str(tmp_path), "KBOOTSTRAP_CACHE": "/c", "DOCKER_HOST": "tcp://d"}, tmp_path / "home"
    )
    assert env["KBOOTSTRAP_CACHE"] == "/c"
    assert env["XDG_CACHE_HOME"] == str(tmp_path / ".cache")
    assert env["DOCKER_CONFIG"] == str(tmp_path / ".docker")
    assert env["DOCKER_HOST"] == "tcp://d"
    assert "GOENV" not in env


def test_this_very_run_is_isolated() -> None:
    assert "kbootstrap-home-" in os.environ["HOME"]
    assert not [name for name in os.environ if name in OPERATOR]
    assert not (Path.home() / ".ssh").exists()
    assert not (Path.home() / ".tofurc").exists()
