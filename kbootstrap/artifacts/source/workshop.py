"""Runs the steps of a build, each once. The result of a step is cached under a key of all its inputs.

    <cache>/build/<step>/<key>/    the result of the step, with a manifest of hashes

An interrupted build resumes at the interrupted step. Versions share their common steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.progress import Narrator, about
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit

Made = Mapping[str, Path]
"""The result folder of each finished step, by name."""
Make = Callable[[Made, Path], Awaitable[None]]
Fetch = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One step. `inputs` is everything that changes its result, apart from the steps that it `needs`.

    `seconds` is the expected wall time. `make` receives the folders of earlier steps and an empty folder to
    fill. `fetch` downloads what `make` would download; it may run before it or beside it.
    """

    name: str
    title: str
    seconds: int
    inputs: tuple[str, ...]
    make: Make
    needs: tuple[str, ...] = ()
    fetch: Fetch | None = None


class Workshop:
    """Runs steps in order below `<cache>/build`."""

    def __init__(self, folder: Path, emit: Emit, what: str) -> None:
        self._folder = folder
        self._emit = emit
        self._what = what

    async def run(self, steps: Sequence[BuildStep]) -> Made:
        """Run every step whose result is not cached; one process at a time builds."""
        keys = keys_of(steps)
        narrator = Narrator(self._emit, f"build {self._what} from source")
        async with cache.locked(self._folder / "lock", narrator.waiting):
            made: dict[str, Path] = {}
            for step in steps:
                kept = await asyncio.to_thread(cache.load, self._folder / step.name / keys[step.name])
                if kept:
                    made[step.name] = kept.folder
            todo = [step for step in steps if step.name not in made]
            total = sum(step.seconds for step in todo)
            narrator.started(f"{len(todo)} of {len(steps)} steps to do, {about(total)} on two cores")
            before, begun = 0, time.monotonic()
            async with _fetching(todo[1:]):
                for number, step in enumerate(todo, 1):
                    title = f"build {step.title} ({number} of {len(todo)})"
                    # If the steps so far were slower than estimated, the remaining ones most likely are too.
                    pace = max(1.0, (time.monotonic() - begun) / before) if before else 1.0
                    with self._ticking(narrator, before, step.seconds, total, pace):
                        made[step.name] = await self._make(step, keys[step.name], made, title)
                    before += step.seconds
            narrator.progress(total, total, "seconds")
            narrator.done()
        return made

    async def _make(self, step: BuildStep, key: str, made: Made, title: str) -> Path:
        narrator = Narrator(self._emit, title)
        narrator.started(f"{about(step.seconds)} on two cores")
        target = self._folder / step.name / key
        try:
            with cache.scratch(target) as folder:
                await step.make(made, folder)
                kept = await asyncio.to_thread(cache.publish, folder, target, cache.BUILT)
        except BaseException as error:
            narrator.failed(error)
            raise
        narrator.done()
        return kept.folder

    @contextlib.contextmanager
    def _ticking(
        self, narrator: Narrator, before: int, expected: int, total: int, pace: float
    ) -> Iterator[None]:
        """Report the estimated progress of the whole build while a step runs.

        `pace` is the ratio of actual to estimated seconds on this machine.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()

        async def tick() -> None:
            while True:
                done, note = reckon(loop.time() - begun, expected, pace)
                narrator.progress(
                    before + done, total, "seconds", left=(total - before - done) * pace, note=note
                )
                await asyncio.sleep(2)

        task = asyncio.create_task(tick())
        try:
            yield
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def _fetching(steps: Sequence[BuildStep]) -> AsyncIterator[None]:
    """Download what later steps need while earlier ones keep the processors busy.

    A failure is not reported here: the step itself downloads again what is missing.
    """

    async def fetch() -> None:
        for step in steps:
            if step.fetch:
                with contextlib.suppress(KbootstrapError):
                    await step.fetch()

    task = asyncio.create_task(fetch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def reckon(spent: float, expected: int, pace: float) -> tuple[int, str]:
    """Return the finished part of a step's `expected` seconds after `spent`, and a note when it is late."""
    done = spent / pace
    if done <= expected:
        return int(done), ""
    return expected, f"this step takes longer than usual, {about(spent)} so far"


def keys_of(steps: Sequence[BuildStep]) -> dict[str, str]:
    """Return the key of each step: a hash over its inputs and the keys of the steps that it needs."""
    keys: dict[str, str] = {}
    for step in steps:
        parts = [step.name, *step.inputs, *(keys[name] for name in step.needs)]
        keys[step.name] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]
    return keys
