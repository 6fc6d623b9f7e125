"""What is seen of nodes, and what is only looked at."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.errors import HostUnreachable, KbootstrapError
from kbootstrap.events import nowhere
from kbootstrap.inventory.model import Endpoint, Inventory
from kbootstrap.survey import NotRunning, see_nodes, silent
from kbootstrap.tofu.plan import PlanSummary


class _Provider:
    """Has machines that are shut off, and notes whether it was allowed to start them."""

    def __init__(self) -> None:
        self.started: list[bool] = []

    async def inventory(self, *_: object, starting: bool, spare: frozenset[str]) -> Inventory:
        assert not spare
        self.started.append(starting)
        endpoint = Endpoint("10.0.0.11", 6443)
        absent: dict[str, KbootstrapError] = {
            name: HostUnreachable(f"{name} is shut off", hint="apply starts it", host=name) for name in "ab"
        }
        return Inventory("c", {}, endpoint, endpoint, (), absent)


async def test_a_plan_starts_no_machine() -> None:
    provider = _Provider()
    context: Any = SimpleNamespace(
        provider=provider,
        cluster=SimpleNamespace(name="c"),
        around=None,
        runtime=SimpleNamespace(emit=nowhere),
    )
    async with AsyncExitStack() as stack:
        with pytest.raises(NotRunning) as caught:
            await see_nodes(context, {"kbootstrap": {}}, stack, starting=False)
    assert provider.started == [False]
    assert caught.value.hint == "apply starts it"
    assert caught.value.detail == "a: a is shut off\nb: b is shut off"


@pytest.mark.parametrize(
    ("changes", "error", "stops"),
    [
        (False, HostUnreachable("x"), True),
        (False, NotRunning("x"), False),
        (True, HostUnreachable("x"), False),
    ],
)
def test_silence_that_nothing_ends(changes: bool, error: HostUnreachable, stops: bool) -> None:
    outputs = ("kbootstrap",) if changes else ()
    assert silent(PlanSummary((), (), outputs), error) == stops
