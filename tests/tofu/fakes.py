"""A process runner that answers from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.process import Finished, OnLine

Answer = tuple[int, str, str]


class FakeRunner:
    """Does no more than the room needs: also writes into the file of a redirected command.

    `answer` gets the arguments and gives status, stdout, stderr; `path` is what is on PATH.
    """

    def __init__(
        self, answer: Callable[[Sequence[str]], Answer], path: Mapping[str, Path] | None = None
    ) -> None:
        self._answer = answer
        self._path = path or {}
        self.calls: list[tuple[str, ...]] = []
        self.graces: list[float] = []

    def which(self, program: str) -> Path | None:
        return self._path.get(program)

    def places(self, program: str) -> tuple[Path, ...]:
        return (self._path[program],) if program in self._path else ()

    async def run(
        self,
        argv: Sequence[str],
        *,
        deadline: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        on_line: OnLine | None = None,
        on_error_line: OnLine | None = None,
        grace: float = 5.0,
        check: bool = True,
    ) -> Finished:
        del deadline, cwd, env, stdin
        self.graces.append(grace)
        out = Path(argv[4]) if argv[0] == "/bin/sh" else None
        argv = argv[6:] if out else argv
        self.calls.append(tuple(argv))
        status, stdout, stderr = self._answer(argv)
        if out:
            out.write_text(stdout + stderr)
            stdout = stderr = ""
        if status == 127:
            raise PrerequisiteMissing(f"the program {argv[0]} is not on this machine")
        for lines, on_output in ((stdout, on_line), (stderr, on_error_line)):
            for line in lines.splitlines():
                if on_output:
                    on_output(line)
        if check and status:
            raise KbootstrapError(f"{argv[0]} failed with exit status {status}", detail=stderr)
        return Finished(tuple(argv), status, stdout, stderr)
