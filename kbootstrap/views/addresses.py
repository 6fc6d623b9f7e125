"""Short HCL addresses for people: without modules and built-in types."""

from __future__ import annotations

import re

from kbootstrap.views.screen import harmless

_ADDRESS = re.compile(
    r"(?P<modules>(?:module\.[\w-]+(?:\[[^]]*\])?\.)*)(?P<type>[a-z]\w*)\.(?P<name>[\w-]+)(?P<key>\[[^]]*\])?"
)
_ACTION = re.compile(
    r"(?P<action>create|update|delete|destroy|replace|read|remove|forget|change) (?P<address>\S+)"
)
_BUILTIN = "terraform_data"


def step_text(step: str, *, node: str | None = None) -> str:
    """Shorten a step on a resource: `create node dev-web-1`; other steps stay as they are.

    `node` is the node that is named beside it and need not be named again.
    """
    found = _ACTION.fullmatch(step)
    if found is None:
        return harmless(step)
    name = short(found["address"])
    return harmless(f"{found['action']} {name.removesuffix(f' {node}') if node else name}")


def short(address: str) -> str:
    """Shorten an address: `module.pool_web.terraform_data.node["dev-web-1"]` becomes `node dev-web-1`."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return address
    name, builtin = found["name"], found["type"] == _BUILTIN
    if name in {"this", "main"} and found["modules"]:
        name = re.findall(r"module\.([\w-]+)", found["modules"])[-1]
    kind = name if builtin else f"{found['type']}.{name}"
    key = (found["key"] or "").strip("[]").strip('"')
    return f"{kind} {key}" if key else kind
