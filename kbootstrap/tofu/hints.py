"""Explains known failures of OpenTofu, as tables: the first matching row applies.

OpenTofu's own words go first, then those of the provider (`Provider.hints`), then what may mean anything.
Wording of the failures: OpenTofu and Terraform (internal/command, internal/backend), AWS' SDK for S3.
"""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.core.errors import CredentialsRefused, Locked, PrerequisiteMissing
from kbootstrap.core.hints import Hint, hint
from kbootstrap.tofu.encryption import ACCEPT

FIRST = (
    hint(
        r"unencrypted payload without unencrypted method|unencrypted state",
        "KB0532",
        f"The state is not encrypted yet. Let one run read it: `{ACCEPT}=accept kbootstrap apply …`; "
        "that run writes it encrypted.",
    ),
    hint(
        r"decryption failed|message authentication failed",
        "KB0535",
        "The state was encrypted with another passphrase: check the value that `state.encryption` refers to.",
        CredentialsRefused,
    ),
    hint(
        r"backend configuration changed|backend type changed|state migration action|-migrate-state"
        r"|do you want to (?:copy|migrate)",
        "KB0533",
        "The state's location in the spec changed. In the cluster's root, `tofu init -migrate-state` "
        "moves the state, `tofu init -reconfigure` uses the state in the new location.",
    ),
    hint(
        r"(?:load|read|sav|persist|decrypt)(?:ing)? (?:the )?state|state data|unsupported state file"
        r"|state snapshot was created by|does not support state version|encrypted payload|encryption method",
        "KB0507",
        "Use the program that wrote the state, or a newer one; a copy of the state before the last change is "
        "beside it (`terraform.tfstate.backup`).",
    ),
    hint(
        r"error acquiring the state lock|state locked by another",
        "KB0505",
        "Wait until the other run has ended, then run the same command again. If no other run exists, remove "
        "the lock with `tofu force-unlock ID` in the cluster's root.",
        Locked,
    ),
    hint(
        r"match\s+any\s+of\s+the\s+checksums",
        "KB0536",
        "Find out why it changed before you continue; `kbootstrap lock --upgrade providers` pins what is "
        "published now, for a review of the lock file.",
    ),
    hint(
        r"failed to (?:query available provider|install provider|instantiate provider|retrieve the list of)"
        r"|required plugins are not installed|inconsistent dependency lock|module not (?:installed|found)"
        r"|backend initialization required|could not load plugin|unreadable module directory"
        r"|initialization required",
        "KB0506",
        "Check that this machine reaches the provider registry, or name a mirror in TF_CLI_CONFIG_FILE; then "
        "run the same command again.",
    ),
    hint(
        r"saved plan is stale|saved plan does not match",
        "KB0514",
        "The state changed after the plan was created. Create a new plan.",
    ),
    hint(
        r"no space left on device",
        "KB0518",
        "Free space on this machine's disk, then run the same command again.",
        PrerequisiteMissing,
    ),
)
LAST = (
    hint(
        r"provisioner error",
        "KB0508",
        "The output of the command is above. Remove its cause and run kbootstrap again: created resources "
        "are kept, the failed resource is created again.",
    ),
    hint(
        r"no valid credential sources|invalidaccesskeyid|signaturedoesnotmatch|expiredtoken|access ?denied"
        r"|\b401\b|authentication failed|requires auth|invalid auth|unauthorized",
        "KB0509",
        "Check the credentials that the state's backend or the provider takes from the environment.",
        CredentialsRefused,
    ),
)
OTHER = hint(r"", "KB0501", "")


def lookup(text: str, provider: Sequence[Hint] = ()) -> Hint:
    """Return the hint for a failure's text; `provider` are those of the cluster's infrastructure."""
    return next((one for one in (*FIRST, *provider, *LAST) if one.pattern.search(text)), OTHER)


def by_code(code: str, provider: Sequence[Hint] = ()) -> Hint:
    """Return the hint that has a code."""
    return next((one for one in (*FIRST, *provider, *LAST) if one.code == code), OTHER)
