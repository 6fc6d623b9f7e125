from __future__ import annotations

from collections.abc import Iterator

import pytest

from kbootstrap.cluster.observe import server_command
from kbootstrap.cluster.observe.server_command import ask_server, not_ready, refused, said
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.fake import FakeHost, Run, output
from kbootstrap.hosts.model import Output

UNIT = "k3s.service"
FAILED = output("working", status=1, stderr="first\nInternal error occurred: etcd-snapshot error ID 01234\n")
UNAVAILABLE = output(status=1, stderr="https://127.0.0.1:6443/db/snapshot: 503 Service Unavailable: starting")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_command, "_FIRST_PAUSE", 0.0)


def host(answers: list[Output], state: str, *, age: float = 1000.0) -> FakeHost:
    """Return a server whose command has these answers, one for each attempt; the last one stays."""
    left: Iterator[Output] = iter(answers)
    last = [answers[0]]

    def answer(call: Run) -> Output:
        if call.command.startswith("systemctl show"):
            entered = int((2000 - age) * 1e6)
            text = f"ActiveState={state}\nActiveEnterTimestampMonotonic={entered}\nuptime=2000\n"
            return output(text if state else "")
        last[0] = next(left, last[0])
        return last[0]

    return FakeHost("a", answer)


def attempts(server: FakeHost) -> int:
    return sum(1 for command in server.commands if command == "ask")


async def test_what_succeeds_is_done_once() -> None:
    server = host([output("done")], "active")
    assert (await ask_server(server, "ask", UNIT, deadline=5)).stdout == "done"
    assert server.commands == ["ask"]


@pytest.mark.parametrize(
    ("refusal", "state", "age", "again"),
    [
        (UNAVAILABLE, "active", 1000.0, True),
        (UNAVAILABLE, "activating", 1000.0, True),
        (UNAVAILABLE, "", 1000.0, True),
        (UNAVAILABLE, "failed", 5.0, False),
        (UNAVAILABLE, "inactive", 5.0, False),
        (FAILED, "active", 5.0, True),
        (FAILED, "activating", 1000.0, True),
        (FAILED, "active", 1000.0, False),
        (FAILED, "", 1000.0, False),
    ],
)
async def test_a_refusal_is_tried_again_while_the_service_may_become_ready(
    refusal: Output, state: str, age: float, again: bool
) -> None:
    server, waited = host([refusal, refusal, output("done")], state, age=age), list[str]()
    found = await ask_server(server, "ask", UNIT, deadline=5, waiting=waited.append)
    assert found.status == (0 if again else 1)
    assert attempts(server) == (3 if again else 1)
    assert waited == [f"k3s.service is not ready for this yet{said(refusal)}"] * (2 if again else 0)


async def test_the_deadline_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_command, "SETTLING", 0.05)
    server = host([UNAVAILABLE], "activating")
    assert (await ask_server(server, "ask", UNIT, deadline=5)) == UNAVAILABLE
    assert attempts(server) > 1


async def test_success_may_be_more_than_the_exit_status() -> None:
    server, counted = host([output("done")], "active", age=5), [0]

    async def accepted(_output: Output) -> bool:
        counted[0] += 1
        return counted[0] == 3

    await ask_server(server, "ask", UNIT, deadline=5, accepted=accepted)
    assert attempts(server) == 3


@pytest.mark.parametrize(
    "text",
    [
        "apiserver not ready",
        "failed to initialize S3 client: runtime core not ready",
        "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        "dial tcp 127.0.0.1:6443: connect: connection refused",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        "failed to check etcd status for snapshot: context deadline exceeded",
        "etcdserver: leader changed",
        "snapshot save already in progress",
        'Post "https://127.0.0.1:6443/db/snapshot": EOF',
    ],
)
def test_texts_of_servers_that_are_not_ready(text: str) -> None:
    assert not_ready(output(status=1, stderr=text))
    assert not_ready(output(text, status=1))


@pytest.mark.parametrize(
    "text",
    ["", "Access Denied.", "failed to test for existence of bucket", "no space left on device", "forbidden"],
)
def test_other_texts(text: str) -> None:
    assert not not_ready(output(status=1, stderr=text))


def test_a_refusal_names_host_command_and_last_line_without_secrets() -> None:
    redactor = Redactor()
    redactor.add("very-secret-word")
    error = refused(FakeHost("a"), "k3s save --token very-secret-word", FAILED, redactor)
    assert error.host == "a"
    assert "very-secret-word" not in error.message
    assert error.message.startswith("on a, `k3s save --token")
    assert error.message.endswith(
        "failed with exit status 1: Internal error occurred: etcd-snapshot error ID 01234"
    )
    assert error.detail == FAILED.stderr.strip()
    long = refused(FakeHost("a"), "x", output(status=1, stderr=200 * "very-secret-word "), redactor)
    assert "secret" not in long.message
