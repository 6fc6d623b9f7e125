from __future__ import annotations

from pathlib import Path

from kbootstrap.tofu.environment import environment


def test_what_would_make_runs_differ_is_left_out(tmp_path: Path) -> None:
    env = {
        "PATH": "/bin",
        "OS_CLOUD": "c",
        "TF_VAR_engine": "old",
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_WORKSPACE": "w",
        "TF_DATA_DIR": "d",
        "TF_CLI_CONFIG_FILE": str(tmp_path / "none"),
    }
    assert environment(env, tmp_path, {"TF_VAR_engine": "{}"}) == {
        "PATH": "/bin",
        "OS_CLOUD": "c",
        "TF_VAR_engine": "{}",
        "TF_PLUGIN_CACHE_DIR": str(tmp_path / "tofu-plugins"),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def test_what_the_operator_chose_on_purpose_stays(tmp_path: Path) -> None:
    config = tmp_path / "rc"
    config.touch()
    env = environment({"TF_CLI_CONFIG_FILE": str(config), "TF_PLUGIN_CACHE_DIR": "/p"}, tmp_path)
    assert env["TF_CLI_CONFIG_FILE"] == str(config)
    assert env["TF_PLUGIN_CACHE_DIR"] == "/p"
