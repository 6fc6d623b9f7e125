"""OpenTofu's encryption of state and plans: the rendered part has the method, the environment the key.

OpenTofu merges the variable TF_ENCRYPTION into the `encryption` block ("State and Plan Encryption" in its
documentation), so the passphrase stands in no file, and a reviewer sees that there is encryption.
"""

from __future__ import annotations

import json

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.tofu.find import Binary

OLDEST = (1, 7, 0)
"""The first OpenTofu with encryption; Terraform has none."""
SHORTEST = 16
"""Characters of a passphrase (OpenTofu, key provider pbkdf2)."""
KEY, METHOD, PLAIN = "passphrase", "state", "unencrypted"
ACCEPT = "KBOOTSTRAP_STATE_UNENCRYPTED"
"""Variable that lets one run read a state from before encryption: `accept`. What it writes is encrypted."""


def verify(binary: Binary) -> None:
    """Raise `PrerequisiteMissing` (KB0530) for a program that cannot encrypt."""
    if binary.product == "OpenTofu" and binary.version >= OLDEST:
        return
    raise PrerequisiteMissing(
        f"the spec requires an encrypted state, and {binary} at {binary.path} cannot encrypt: OpenTofu "
        "1.7 or "
        "newer is needed",
        hint="run `kbootstrap artifacts pull tofu`, or install OpenTofu, and name it with --tofu",
        code="KB0530",
    )


def variables(passphrase: str, *, accept_unencrypted: bool = False) -> dict[str, str]:
    """Return the environment that carries the passphrase; raises `CredentialsRefused` for a short one."""
    if len(passphrase) < SHORTEST:
        raise CredentialsRefused(
            f"the passphrase of the state has {len(passphrase)} characters; {SHORTEST} or more are needed",
            hint="generate one: `openssl rand -base64 24`. A lost passphrase cannot be recovered",
            code="KB0531",
        )
    content: dict[str, object] = {"key_provider": {"pbkdf2": {KEY: {"passphrase": passphrase}}}}
    if accept_unencrypted:
        content["method"] = {"unencrypted": {PLAIN: {}}}
        # OpenTofu merges the two blocks, and still wants the method in both.
        content["state"] = {
            "method": f"method.aes_gcm.{METHOD}",
            "fallback": {"method": f"method.unencrypted.{PLAIN}"},
        }
    return {"TF_ENCRYPTION": json.dumps(content)}
