"""The page of environment variables. A test compares it with the variables in the sources."""

from __future__ import annotations

from tests.reference.markdown import cell

OWN = {
    "KBOOTSTRAP_CACHE": (
        "folder for downloads and builds; default: `$XDG_CACHE_HOME/kbootstrap`, otherwise "
        "`~/.cache/kbootstrap`"
    ),
    "KBOOTSTRAP_ENGINE": (
        "container engine of the provider `local`, if the spec has none: `docker` or `podman`"
    ),
    "KBOOTSTRAP_OFFLINE": (
        "any value: fetch and build nothing; what is not in the cache is missing, as with `--bundle`"
    ),
    "KBOOTSTRAP_RELEASES_URL": "base URL of another server with the paths of the vendors' release pages",
    "KBOOTSTRAP_STATE_UNENCRYPTED": (
        "`accept`: for one run, read a state that is not encrypted yet ([state](../state.md#encryption))"
    ),
    "KBOOTSTRAP_TOFU": "program to use instead of `tofu` or `terraform` on PATH, like `--tofu`",
}
"""Variables of kbootstrap, each with its effect."""
INTERNAL = frozenset({"KBOOTSTRAP_ADOPT", "KBOOTSTRAP_COMPLETE", "KBOOTSTRAP_RUN"})
"""Variables that kbootstrap's own scripts set; not for users."""
OTHERS = {
    "KUBECONFIG": "kubeconfig files that `apply` adds the cluster to, in kubectl's order",
    "SSH_AUTH_SOCK": "SSH agent whose keys log in to nodes, if the spec has no key",
    "OS_CLIENT_CONFIG_FILE, OS_CLOUD, OS_*": (
        "credentials of an OpenStack cloud ([openstack](../openstack/setup.md#credentials))"
    ),
    "AWS_*, TF_HTTP_*, PG*": "credentials of the state's backend ([state](../state.md#backends))",
    "TF_CLI_CONFIG_FILE": "OpenTofu's own configuration, such as a mirror of providers",
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "proxies for downloads and for a cloud's API",
    "NO_COLOR, FORCE_COLOR, TERM": ("colours and animated output, with the usual meaning"),
    "COLUMNS": "width of the output without a terminal",
    "CI": "no prompts; without `-y` or a saved plan `apply` stops",
}
"""Variables of other programs that affect kbootstrap."""


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
            "| other programs' | |",
            "|---|---|",
            *(f"| {_names(name)} | {cell(text)} |" for name, text in OTHERS.items()),
            "",
            "Variables that the spec refers to (`{env: NAME}`) hold your own secrets. kbootstrap does not",
            "pass `TF_CLI_ARGS`, `TF_WORKSPACE`, `TF_DATA_DIR` and `TF_INPUT` to OpenTofu: they are usually",
            "set for other work, and would change the meaning of a plan.",
            "",
        ]
    )


def _names(text: str) -> str:
    return ", ".join(f"`{name}`" for name in text.split(", "))
