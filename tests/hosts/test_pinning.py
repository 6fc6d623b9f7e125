from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.hosts.known_hosts import Pin
from kbootstrap.hosts.pinning import Expected, Source, expect, refuse, to_pin
from tests.hosts.test_known_hosts import ONE, TWO

OLD = Pin("n", "i-1", (ONE,))


@pytest.mark.parametrize(
    ("instance", "trusted", "pin", "keys", "source"),
    [
        ("i-1", (TWO,), OLD, (ONE,), "pinned"),
        ("i-2", (TWO,), OLD, (TWO,), "trusted"),
        ("i-1", (TWO,), None, (TWO,), "trusted"),
        ("i-1", (), OLD, (ONE,), "pinned"),
        ("i-2", (), OLD, (), "new machine"),
        ("i-1", (), None, (), "first contact"),
    ],
)
def test_expect(
    instance: str, trusted: tuple[str, ...], pin: Pin | None, keys: tuple[str, ...], source: Source
) -> None:
    assert expect(instance=instance, trusted=trusted, pin=pin) == Expected(keys, source)


@pytest.mark.parametrize(
    ("expected", "instance", "pin", "new"),
    [
        (Expected((ONE,), "pinned"), "i-1", OLD, None),
        (Expected((f"{ONE} root@node",), "trusted"), "i-1", OLD, None),
        (Expected((ONE, TWO), "trusted"), "i-1", OLD, Pin("n", "i-1", (ONE, TWO))),
        (Expected((), "first contact"), "i-1", None, Pin("n", "i-1", (ONE,))),
        (Expected((), "new machine"), "i-2", OLD, Pin("n", "i-2", (ONE,))),
    ],
)
def test_to_pin(expected: Expected, instance: str, pin: Pin | None, new: Pin | None) -> None:
    assert to_pin(expected, alias="n", instance=instance, shown=ONE, pin=pin) == new


def test_the_error_says_both_keys_and_what_to_do() -> None:
    error = refuse(
        Expected((ONE,), "pinned"), name="n", where="10.0.0.1:22", alias="n", shown=TWO, file=Path("/k")
    )
    assert error.message.count("SHA256:") == 2
    assert error.message.startswith("n (10.0.0.1:22) shows the host key SHA256:")
    assert str(error.hint).endswith("ssh-keygen -R n -f /k")
    assert (error.exit_code, error.code, error.host) == (7, "KB0702", "n")
