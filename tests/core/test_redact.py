from __future__ import annotations

import pytest

from kbootstrap.core.redact import MASK, Redactor

TOKEN = f"K10{'ab' * 32}::server:0123456789abcdef"


def test_registered_secrets_are_replaced_everywhere() -> None:
    redactor = Redactor()
    assert redactor.add("hunter2-hunter2\n") == "hunter2-hunter2\n"
    assert redactor.clean("a hunter2-hunter2 b hunter2-hunter2") == f"a {MASK} b {MASK}"


def test_the_longer_secret_is_replaced_first() -> None:
    redactor = Redactor()
    redactor.add("secret")
    redactor.add("secret-and-more")
    assert redactor.clean("secret-and-more") == MASK


def test_short_words_are_no_secrets() -> None:
    redactor = Redactor()
    redactor.add("yes")
    assert redactor.clean("yes") == "yes"


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ncut off",
        "    client-key-data: " + "QUJD" * 20,
    ],
)
def test_known_forms_are_found_without_registration(text: str) -> None:
    cleaned = Redactor().clean(f"before {text}")
    assert MASK in cleaned
    assert cleaned.startswith("before ")
    assert not any(part in cleaned for part in (TOKEN, "AAAA", "cut off", "QUJDQUJD"))
