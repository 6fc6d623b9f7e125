"""The cluster's own kubeconfig, and its entries in the operator's files."""

from __future__ import annotations

from pathlib import Path

from kbootstrap.core.errors import HostUnreachable, InstallFailed
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig.admin import write_own_copy
from kbootstrap.kubeconfig.merge import merge_into
from kbootstrap.kubeconfig.paths import entry_name, search_list


def keep_kubeconfig(context: Context, text: str, endpoint: Endpoint, *, switch: bool) -> tuple[Path, ...]:
    """Write the cluster's own kubeconfig and merge it into the operator's; return the files that changed.

    With `switch` the cluster becomes the current context, unless an earlier cluster of the run is.
    """
    files, name = entries(context)
    write_own_copy(context.space.kubeconfig, text, name, endpoint)
    with context.current.turn(name, files, switch=switch) as becomes_current:
        return merge_into(files, text, name, endpoint, switch=becomes_current)


def admin_kubeconfig(context: Context, nodes: Nodes) -> str:
    """Return the admin kubeconfig that a server returned; raises if none did."""
    if nodes.kubeconfig is None:
        raise HostUnreachable(
            f"no server of cluster {context.cluster.name} returned its kubeconfig",
            hint=f"'kbootstrap status {context.spec.path}' shows what is wrong",
        )
    return nodes.kubeconfig


def installed_kubeconfig(context: Context, text: str | None) -> str:
    """Return the kubeconfig of a cluster that is installed; raises `InstallFailed` if no server has one."""
    if text is None:
        raise InstallFailed(
            f"no server of cluster {context.cluster.name} has a kubeconfig", hint="run apply again"
        )
    return text


def entries(context: Context) -> tuple[tuple[Path, ...], str]:
    """Return the operator's kubeconfig files, in kubectl's order, and the name of kbootstrap's entries."""
    env = context.runtime.env
    home = Path(env.get("HOME") or Path.home())
    return search_list(env, home), entry_name(context.spec.name, context.cluster.name)
