from __future__ import annotations

import random

import pytest

from kbootstrap.hosts.output import Bounded


@pytest.mark.parametrize("length", [0, 1, 19, 20])
def test_short_output_is_whole(length: int) -> None:
    kept = Bounded(10)
    for _ in range(length):
        kept.add(b"x")
    assert kept.text == "x" * length


def test_the_middle_is_dropped_however_it_comes() -> None:
    data = bytes(random.Random(1).choices(b"abc", k=1000))  # noqa: S311
    for step in (1, 7, 10, 64, 1000):
        kept = Bounded(10)
        for start in range(0, len(data), step):
            kept.add(data[start : start + step])
        expected = data[:10].decode() + "\n[… 980 bytes left out …]\n" + data[-10:].decode()
        assert kept.text == expected
        assert kept.text == expected
