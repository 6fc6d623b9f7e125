from __future__ import annotations

import pytest

from kbootstrap.cluster.converge.tokens import Tokens
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from tests.cluster.machines import AGENT_TOKEN, RAW_AGENT, SERVER_TOKEN
from tests.hosts.fake import Answer, FakeHost, Run, output

K3S = find("k3s")


def host(**texts: str) -> FakeHost:
    def answer(call: Run) -> Answer:
        for field, text in texts.items():
            if call.command == f"cat {getattr(K3S.paths, field)}":
                return output(text + "\n")
        return output(status=1)

    return FakeHost("s", answer)


async def test_new_ones_differ_each_time() -> None:
    tokens = Tokens(K3S, Redactor())
    made = {tokens.give("new-server"), tokens.give("new-agent"), tokens.give("new-server")}
    assert len(made) == 3
    assert all(len(token) == 64 for token in made)


async def test_read_from_servers() -> None:
    redactor = Redactor()
    tokens = Tokens(K3S, redactor)
    empty, full = host(), host(server_token=SERVER_TOKEN, server_agent_token=AGENT_TOKEN)
    await tokens.read([empty, full])
    assert tokens.give("server") == SERVER_TOKEN
    assert tokens.give("agent") == AGENT_TOKEN
    assert tokens.give("raw-agent") == RAW_AGENT, "taken out of the full form where our file is gone"
    assert RAW_AGENT not in redactor.clean(f"password {RAW_AGENT}")


async def test_our_own_file_wins() -> None:
    tokens = Tokens(K3S, Redactor())
    await tokens.read([host(server_agent_token=AGENT_TOKEN, agent_token="0ur-own-token")])
    assert tokens.give("raw-agent") == "0ur-own-token"


@pytest.mark.parametrize("said", ["", "short", "K10abc::server:x"])
async def test_no_full_token(said: str) -> None:
    tokens = Tokens(K3S, Redactor())
    await tokens.read([host(server_token=said)])
    with pytest.raises(InstallFailed) as caught:
        tokens.give("server")
    assert caught.value.code == "KB0818"
    assert not said or said not in str(caught.value)
