"""The inventory of a cluster in a cloud, from the output contract and the machines that the cloud lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.inventory.certificate import served_names
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.providers.cloud.keys import named_identity
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.model import Cluster

SSH_PORT = 22


def bastion_name(cluster: Cluster) -> str:
    """Return the name of a dedicated bastion machine."""
    return f"{cluster.name}-bastion"


def instances(cluster: Cluster, contract: Mapping[str, Any]) -> dict[str, str]:
    """Return the machines of the output contract, including a dedicated bastion: names by ID."""
    found = {node["instance"]: name for name, node in contract["nodes"].items()}
    bastion = contract.get("bastion")
    if bastion:
        found.setdefault(bastion["instance"], bastion_name(cluster))
    return found


def verify(absent: Mapping[str, KbootstrapError], tolerate_missing: Collection[str]) -> None:
    """Raise the first error of a required machine. `absent` has errors by name."""
    if missing := [error for name, error in absent.items() if name not in tolerate_missing]:
        raise missing[0]


def inventory(
    context: ProviderContext,
    contract: Mapping[str, Any],
    *,
    user: str,
    absent: Mapping[str, KbootstrapError],
    host_keys: Mapping[str, tuple[str, ...]],
) -> Inventory:
    """Return the connections to the machines, through the bastion if there is one.

    `contract` is `outputs["kbootstrap"]`, `user` logs in to nodes, `absent` has the errors of unreachable
    machines by name, `host_keys` has keys from a trusted source by ID.
    """
    cluster, nodes = context.cluster, contract["nodes"]
    internal = Endpoint(**contract["endpoint"]["internal"])
    names = served_names(cluster, internal)
    bastion: Mapping[str, Any] | None = contract.get("bastion")
    identity = named_identity(context)
    identities = (identity,) if identity else ()
    aliases = instances(cluster, contract)
    alone = bastion is not None and aliases[bastion["instance"]] not in nodes
    jump = None
    if bastion:
        one = bastion["instance"]
        jump = SshTarget(
            aliases[one],
            bastion["address"],
            SSH_PORT,
            bastion["user"],
            identities,
            instance=one,
            host_keys=host_keys.get(one, ()),
        )

    def machine(name: str, node: Mapping[str, Any]) -> Machine:
        one = node["instance"]
        # A node accepts SSH from outside only if it is the bastion (module `security`).
        public = node.get("public_address") if jump and not alone else None
        through = None if public else jump
        target = SshTarget(name, public or node["address"], SSH_PORT, user, identities, through)
        volumes = node.get("volumes", {})
        return Machine(name, node["address"], target, one, host_keys.get(one, ()), volumes=volumes)

    return Inventory(
        cluster.name,
        {name: machine(name, node) for name, node in nodes.items() if name not in absent},
        internal,
        _external(contract["endpoint"]["external"], internal, names),
        names,
        {name: error for name, error in absent.items() if name in nodes},
    )


def _external(endpoint: Mapping[str, Any], internal: Endpoint, names: Collection[str]) -> Endpoint:
    """Return the external API endpoint. Its certificate is verified against the registration address.

    The certificate does not contain names that are known only after creation: a floating IP, or the DNS name
    of a load balancer.
    """
    external = Endpoint(**endpoint)
    return external if external.host in names else Endpoint(external.host, external.port, internal.host)
