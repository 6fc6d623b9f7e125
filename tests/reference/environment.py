"""The page of environment variables. A test compares it with those that the sources name."""

from __future__ import annotations

from tests.reference.markdown import cell

OWN = {
    "KBOOTSTRAP_CACHE": (
        "folder of what was downloaded and built; else `$XDG_CACHE_HOME/kbootstrap`, else "
        "`~/.cache/kbootstrap`"
    ),
    "KBOOTSTRAP_ENGINE": (
        "container engine of the provider `local`, where the spec names none: `docker` or `podman`"
    ),
    "KBOOTSTRAP_RELEASES_URL": "another server with the paths of the vendors' release pages",
    "KBOOTSTRAP_STATE_UNENCRYPTED": (
        "`accept`: for one run, read a state from before encryption ([state](../state.md#encryption))"
    ),
    "KBOOTSTRAP_TOFU": "program to use instead of the `tofu` or `terraform` on PATH, like `--tofu`",
}
"""Ours, each with what it does."""
INTERNAL = frozenset({"KBOOTSTRAP_ADOPT", "KBOOTSTRAP_COMPLETE", "KBOOTSTRAP_RUN"})
"""Set by our own scripts, for nobody else."""
OTHERS = {
    "KUBECONFIG": "kubeconfig files that `apply` writes the cluster into, in kubectl's order",
    "SSH_AUTH_SOCK": "agent whose keys log in to nodes, where the spec names no key",
    "OS_CLIENT_CONFIG_FILE, OS_CLOUD, OS_*": (
        "credentials of an OpenStack cloud ([openstack](../openstack/setup.md#credentials))"
    ),
    "AWS_*, TF_HTTP_*, PG*": "credentials of the state's backend ([state](../state.md#backends))",
    "TF_CLI_CONFIG_FILE": "OpenTofu's own configuration, such as a mirror of providers",
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "the way to downloads and to a cloud's API",
    "NO_COLOR, FORCE_COLOR, TERM": ("colours and moving lines, as other programs understand them"),
    "COLUMNS": "width of the output where there is no terminal",
    "CI": "nobody is asked; without `-y` or a saved plan `apply` stops",
}
"""Of other programs, as far as they change what kbootstrap does."""


def page() -> str:
    """Return the page."""
    return "\n".join(
        [
            "# Environment variables",
            "",
            "| kbootstrap's own | |",
            "|---|---|",
            *(f"| `{name}` | {cell(text)} |" for name, text in OWN.items()),
            "",
            "| of others | |",
            "|---|---|",
            *(f"| {_names(name)} | {cell(text)} |" for name, text in OTHERS.items()),
            "",
            "Variables that the spec names itself (`{env: NAME}`) are secrets of your own. `TF_CLI_ARGS`,",
            "`TF_WORKSPACE`, `TF_DATA_DIR` and `TF_INPUT` are kept from OpenTofu: set for other work, they",
            "would change what a plan means.",
            "",
        ]
    )


def _names(text: str) -> str:
    return ", ".join(f"`{name}`" for name in text.split(", "))
