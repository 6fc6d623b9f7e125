from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.tofu.encryption import variables, verify
from kbootstrap.tofu.find import Binary

LONG = "correct horse battery"


@pytest.mark.parametrize(
    ("product", "version", "good"),
    [
        ("OpenTofu", (1, 7, 0), True),
        ("OpenTofu", (1, 12, 6), True),
        ("OpenTofu", (1, 6, 2), False),
        ("Terraform", (1, 11, 4), False),
    ],
)
def test_programs_that_can_encrypt(product: str, version: tuple[int, int, int], good: bool) -> None:
    binary = Binary(Path("/bin/x"), product, version)
    if good:
        verify(binary)
        return
    with pytest.raises(PrerequisiteMissing, match="cannot encrypt"):
        verify(binary)


def test_variables() -> None:
    configured = json.loads(variables(LONG)["TF_ENCRYPTION"])
    assert configured == {"key_provider": {"pbkdf2": {"passphrase": {"passphrase": LONG}}}}
    both = json.loads(variables(LONG, accept_unencrypted=True)["TF_ENCRYPTION"])
    assert both["state"]["fallback"] == {"method": "method.unencrypted.unencrypted"}


def test_a_short_passphrase_is_not_shown() -> None:
    with pytest.raises(CredentialsRefused) as caught:
        variables("hunter2")
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
