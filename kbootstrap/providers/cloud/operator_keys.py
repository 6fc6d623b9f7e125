"""The SSH keys of a cluster in a cloud: those of the spec, otherwise those of this operator.

No key is generated: the machines belong to a team, and a generated key would be lost with its folder.
"""

from __future__ import annotations

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.cloud.keys import named_identity, public_keys
from kbootstrap.providers.context import ProviderContext


async def authorized_keys(context: ProviderContext, *, optional: bool) -> list[str]:
    """Return all authorized public keys of new machines.

    If the spec sets none, returns the keys of the SSH agent and of ~/.ssh. With `optional` there may be none,
    because the cloud itself puts a key on the machines. Raises `CredentialsRefused` (KB1108) if no key is
    found.
    """
    named = public_keys(context, named_identity(context))
    if named or optional:
        return named
    from kbootstrap.hosts.keys import usual_public_keys

    found, skipped = await usual_public_keys(context.env)
    if found:
        return list(found)
    raise CredentialsRefused(
        f"no SSH key may log in to the machines of cluster {context.cluster.name}: the spec sets none, and "
        "neither the SSH agent nor ~/.ssh has one",
        hint="add `ssh: {authorized_keys: [{file: ~/.ssh/id_ed25519.pub}]}` to the spec, or generate a key: "
        "`ssh-keygen -t ed25519`",
        detail="\n".join(skipped) or None,
        code="KB1108",
    )
