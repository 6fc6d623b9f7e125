from __future__ import annotations

from itertools import islice

import pytest

from kbootstrap.core.pauses import growing


def test_pauses_grow_to_the_longest() -> None:
    found = list(islice(growing(0.5, 2.0), 6))
    assert found == pytest.approx([0.5, 0.8, 1.28, 2.0, 2.0, 2.0])
