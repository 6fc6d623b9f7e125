"""The environment of OpenTofu and Terraform: the operator's, without variables that change their behaviour.

Variables: "Environment Variables" in the documentation of OpenTofu and of Terraform.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_UNWANTED = ("TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR", "TF_IN_AUTOMATION", "TF_INPUT")
"""Prefixes. Set for other work of the operator, they would change the meaning of a plan.
`TF_VAR_*` may stay: a root declares only variables that kbootstrap sets."""


def environment(
    env: Mapping[str, str], cache: Path, variables: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """Return `env` for tofu, with `variables` (`TF_VAR_*`) added. Providers are cached below `cache`.

    A `TF_CLI_CONFIG_FILE` that does not exist is left out: it prints a warning on every call.
    """
    kept = {name: value for name, value in env.items() if not name.startswith(_UNWANTED)}
    config = kept.get("TF_CLI_CONFIG_FILE")
    if config is not None and not Path(config).is_file():
        del kept["TF_CLI_CONFIG_FILE"]
    kept.setdefault("TF_PLUGIN_CACHE_DIR", str(cache / "tofu-plugins"))
    fixed = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    return {**kept, **fixed, **(variables or {})}
