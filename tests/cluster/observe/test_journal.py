from __future__ import annotations

import pytest

from kbootstrap.cluster.observe.journal import causes, explain
from kbootstrap.core.errors import HostUnreachable, InstallFailed
from kbootstrap.core.redact import Redactor
from tests.hosts.fake import FakeHost, output


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("write /var/lib/x: no space left on device", "disk is full"),
        ("rpc error: unknown service runtime.v1.RuntimeService", "inotify"),
        ("Node password rejected, duplicate hostname", "another password"),
        ("token CA hash does not match the Cluster CA certificate hash", "refuses its token"),
        ("critical configuration value mismatch between servers", "differ from those"),
        ("listen tcp 0.0.0.0:6443: bind: address already in use", "another program listens"),
        ("x509: certificate has expired or is not yet valid", "clock"),
        ("failed to find memory cgroup (v2)", "cannot limit memory"),
        ("invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0", "kernel settings"),
        ("invalid kernel parameter value kernel.panic - expected 10", "kernel settings"),
        ("can't get final child's PID from pipe: EOF", "CAP_SYS_RESOURCE"),
    ],
)
def test_known_causes(line: str, part: str) -> None:
    cause = causes(f"something\n{line}\nmore")
    assert cause is not None
    assert part in cause.meaning
    assert cause.help


def test_unknown_cause() -> None:
    assert causes("all is well") is None


async def test_the_error_has_the_last_words_and_the_next_command() -> None:
    redactor = Redactor()
    redactor.add("s3cret-token")
    host = FakeHost("cp-1", lambda _: output("one\ntwo s3cret-token\n"))
    error = await explain(
        InstallFailed, "it fails", host=host, unit="k3s.service", code="KB0814", redactor=redactor
    )
    assert error.message == "cp-1: it fails"
    assert "s3cret-token" not in str(error.detail)
    assert "kbootstrap ssh cp-1 -- sudo journalctl -u k3s.service" in str(error.hint)


async def test_a_journal_that_cannot_be_read() -> None:
    host = FakeHost("cp-1", lambda _: HostUnreachable("cp-1 is gone"))
    error = await explain(
        InstallFailed, "it fails", host=host, unit="k3s.service", code="KB0814", redactor=Redactor()
    )
    assert "cp-1 is gone" in str(error.detail)
