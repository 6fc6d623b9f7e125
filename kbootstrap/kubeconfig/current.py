"""Selects the cluster of a run that becomes kubectl's current context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kbootstrap.kubeconfig.read import read


class CurrentContext:
    """The choice of the current context among the clusters of a run, whichever of them is ready first.

    `names` are the names of their entries, in the order of the spec. The first cluster that switches to
    itself is chosen; if none does, and no file had a current context when the run began, the first cluster.
    Until it is ready, the current context is the first of those that are ready.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._order = {name: number for number, name in enumerate(names)}
        self._vacant: bool | None = None
        self._chosen: tuple[bool, int] | None = None

    @contextmanager
    def turn(self, name: str, paths: Sequence[Path], *, switch: bool) -> Iterator[bool]:
        """Give whether this cluster becomes the current context now; it is chosen if the body succeeds.

        `paths` is kubectl's search list. `switch`: the cluster switches to itself. Raises as `read`.
        """
        if self._vacant is None:
            self._vacant = not any(read(path).current_context for path in paths)
        rank = (not switch, self._order.get(name, len(self._order)))
        becomes = (switch or self._vacant) and (self._chosen is None or rank <= self._chosen)
        yield becomes
        if becomes:
            self._chosen = rank
