"""A host whose commands run in a shell of this machine."""

from __future__ import annotations

from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.process import LocalRunner
from kbootstrap.hosts.fake import FakeHost
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import S1


class Shell(FakeHost):
    """Runs commands in a shell of this machine."""

    def __init__(self) -> None:
        super().__init__(S1)
        self.messages: list[str] = []

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del stdin
        done = await LocalRunner().run(["sh", "-c", command], deadline=deadline, check=False)
        self.messages.append(done.stderr)
        if check and done.status:
            raise InstallFailed(done.stderr)
        return Output(done.status, done.stdout, done.stderr)
