"""The SSH keys of a cluster in a cloud: those that the spec names, else those of this operator.

No key is generated: the machines belong to a team and outlive the folder that a generated key would be in.
"""

from __future__ import annotations

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.cloud.keys import named_identity, public_keys
from kbootstrap.providers.context import ProviderContext


async def authorized_keys(context: ProviderContext, *, optional: bool) -> list[str]:
    """Return every public key that may log in to new machines.

    Where the spec names none, those of the SSH agent and of ~/.ssh: otherwise no login would be possible.
    `optional`: the cloud itself puts a key on the machines, so there may be none. Raises `CredentialsRefused`
    (KB1108) where there is none at all.
    """
    named = public_keys(context, named_identity(context))
    if named or optional:
        return named
    from kbootstrap.hosts.keys import usual_public_keys

    found, skipped = await usual_public_keys(context.env)
    if found:
        return list(found)
    raise CredentialsRefused(
        f"no SSH key may log in to the machines of cluster {context.cluster.name}: the spec names none, and "
        "there is none here",
        hint="write `ssh: {authorized_keys: [{file: ~/.ssh/id_ed25519.pub}]}` into the spec, or make a key: "
        "`ssh-keygen -t ed25519`",
        detail="\n".join(skipped) or None,
        code="KB1108",
    )
