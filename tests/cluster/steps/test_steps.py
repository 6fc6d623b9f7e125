"""Every step is complete: what the executor, `status` and the plan ask of it is defined in its class."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from kbootstrap.cluster import steps
from kbootstrap.cluster.steps.base import ConvergeStep, RemovalStep, Stage, Step

for _module in pkgutil.iter_modules(steps.__path__):
    importlib.import_module(f"{steps.__name__}.{_module.name}")


def concrete(kind: type[Step]) -> Iterator[type[Step]]:
    """Yield the classes without subclasses, which are what plans consist of."""
    for sub in kind.__subclasses__():
        # `slots` replaces each class; the first one stays among the subclasses until it is collected.
        if getattr(importlib.import_module(sub.__module__), sub.__name__) is sub:
            yield from [*concrete(sub)] or [sub]


CONVERGING = sorted({*concrete(ConvergeStep)}, key=lambda step: step.__name__)
REMOVING = sorted({*concrete(RemovalStep)}, key=lambda step: step.__name__)


@pytest.mark.parametrize("step", [*CONVERGING, *REMOVING], ids=lambda step: step.__name__)
def test_a_step_has_a_title_and_is_carried_out(step: type[ConvergeStep | RemovalStep]) -> None:
    assert step.__module__.startswith(f"{steps.__name__}.")
    assert step.title is not Step.title
    assert step.carry_out not in {ConvergeStep.carry_out, RemovalStep.carry_out}


@pytest.mark.parametrize("step", CONVERGING, ids=lambda step: step.__name__)
def test_a_step_of_a_node_that_stays_has_a_stage(step: type[ConvergeStep]) -> None:
    assert step.stage in Stage


def test_all_steps_are_found() -> None:
    assert {"Claim", "WriteFile", "ForgetNode", "Uncordon"} <= {step.__name__ for step in CONVERGING}
    assert {"Drain", "UninstallMachine", "ForgetNode", "Uncordon"} <= {step.__name__ for step in REMOVING}
    assert {step.stage for step in CONVERGING if issubclass(step, ConvergeStep)} == set(Stage)
