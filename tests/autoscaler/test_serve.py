"""The configuration file, the commands, the HTTP port, and what the log shows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.__main__ import main
from kbootstrap.autoscaler.config import read_config
from kbootstrap.autoscaler.http import HttpServer
from kbootstrap.autoscaler.model import Notice
from kbootstrap.autoscaler.reports import AGAIN, NoticeReports
from kbootstrap.cli.autoscaler import stop_on_signal
from kbootstrap.commands import autoscaler as command
from kbootstrap.core.errors import PrerequisiteMissing, SpecInvalid
from kbootstrap.core.events import Event, Status, Type, nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.providers import find
from kbootstrap.providers import names as provider_names
from tests.autoscaler.fakes import FakeCloud, FakeInstaller, FakeKubernetes
from tests.autoscaler.rig import on_clock
from tests.autoscaler.samples import SPEC, write_spec
from tests.autoscaler.served import NAME, World, leading, page
from tests.fleet.clock import Clock

CONFIG = """\
apiVersion: kbootstrap/autoscaler-v1alpha1
spec: spec.yaml
cluster: prod
certificates: tls
listen: 127.0.0.1:0
metrics: 127.0.0.1:0
"""


def config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "autoscaler.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def runtime(folder: Path) -> Runtime:
    return Runtime(LocalRunner({}), {}, folder, Redactor(), nowhere)


def test_defaults_and_paths_beside_the_file(tmp_path: Path) -> None:
    text = "".join(line for line in CONFIG.splitlines(keepends=True) if "127.0.0.1" not in line)
    found = read_config(config(tmp_path, f"{text}kubeconfig: k\nnode: cp-1\n"))
    assert (found.spec, found.certificates) == (tmp_path / "spec.yaml", tmp_path / "tls")
    assert (found.listen, found.metrics) == ("0.0.0.0:8086", "0.0.0.0:8087")
    assert (found.kubeconfig, found.node) == (tmp_path / "k", "cp-1")
    assert read_config(config(tmp_path)).kubeconfig is None
    assert read_config(config(tmp_path, f"{text}metrics: '[::1]:9000'\n")).metrics_address == ("::1", 9000)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (f"{CONFIG}lisen: x\n", 7, "lisen"),
        (CONFIG.replace("cluster: prod\n", ""), 1, "cluster"),
        (CONFIG.replace("127.0.0.1:0", "8086", 1), 5, "listen"),
        (CONFIG.replace("metrics: 127.0.0.1:0", "metrics: 127.0.0.1:65536"), 6, "port up to 65535"),
        (CONFIG.replace("prod", "[a]"), 3, "cluster"),
        ("spec: [", 1, ""),
        ("", None, "nothing"),
    ],
)
def test_every_problem_is_reported_at_its_line(
    tmp_path: Path, text: str, line: int | None, problem: str
) -> None:
    with pytest.raises(SpecInvalid) as raised:
        read_config(config(tmp_path, text))
    (found,) = raised.value.diagnostics
    assert (found.span.line if found.span else None) == line
    assert problem in f"{found.reason} {found.help} {found.span.text if found.span else ''}"
    assert raised.value.code == "KB1400"


def test_existing_machines_never_come_and_go() -> None:
    """The provider `ssh` makes no machines; a spec cannot even ask for it (KB0403)."""
    for name in provider_names():
        provider = find(name)
        assert provider.existing_machines is None or provider.elastic_machines is None


SSH = """\
apiVersion: kbootstrap/v1alpha1
name: metal
clusters:
  prod:
    provider: {ssh: {}}
    kubernetes: {version: v1.32.0+k3s1}
    control_plane: {hosts: [{name: s-1, address: 192.0.2.1}]}
"""


async def test_without_the_capability_nothing_starts(tmp_path: Path) -> None:
    write_spec(tmp_path, SSH)
    with pytest.raises(PrerequisiteMissing, match="with the provider ssh") as raised:
        await command.serve(config(tmp_path), runtime(tmp_path), _no_line, asyncio.Event())
    assert (raised.value.code, raised.value.exit_code) == ("KB1401", 5)


def _no_line(line: str) -> None:
    raise AssertionError(line)


async def test_the_command_serves_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    cloud, kubernetes = FakeCloud(time.time), FakeKubernetes(time.time)
    monkeypatch.setattr(command, "elastic_machines", lambda _definition: cloud)
    stop, lines = asyncio.Event(), list[str]()
    task = asyncio.ensure_future(
        command.serve(
            config(tmp_path),
            runtime(tmp_path),
            lines.append,
            stop,
            make_installer=lambda _definition, _runtime: FakeInstaller(kubernetes),
            kubernetes=kubernetes,
        )
    )
    port = 0
    while not port and not task.done():
        serving = [json.loads(line) for line in lines if '"serving"' in line]
        port = serving[0]["port"] if serving else 0
        await asyncio.sleep(0.02)
    async with world.client(port) as client:
        await client.call("NodeGroupIncreaseSize", id="jobs/small", delta=1)
        # Its spec is in force when it changes, also without a call.
        world.spec.write_text(SPEC.replace("max: 200", "max: 3"), encoding="utf-8")
        await client.call("Refresh")
        assert [one.maxSize for one in (await client.call("NodeGroups")).nodeGroups] == [5, 5, 3]
    while not any('"phase": "running"' in line for line in lines):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    stop.set()
    await task
    assert kubernetes.lease_.holder == ""
    logged = [json.loads(line) for line in lines]
    assert logged[-1]["event"] == "stopped"
    phases = [line["phase"] for line in logged if line["event"] == "machine"]
    assert (phases[0], phases[-1]) == ("wanted", "running")
    assert phases.count("creating") == phases.count("installing") == 1


def test_the_end_of_a_step_is_logged() -> None:
    lines = list[str]()
    redactor = Redactor()
    redactor.add("a-secret-of-16-letters")
    report = NoticeReports(redactor, lines.append, time.monotonic).step
    step = Event(type=Type.STEP, node="w-1", step="start k3s-agent", status=Status.STARTED)
    report(step)
    report(replace(step, status=Status.WAITING))
    report(Event(type=Type.PHASE, phase="nodes", status=Status.DONE))
    report(replace(step, status=Status.FAILED, seconds=1.23456, detail="a-secret-of-16-letters"))
    [line] = (json.loads(line) for line in lines)
    del line["time"]
    assert line == {
        "event": "step",
        "name": "w-1",
        "step": "start k3s-agent",
        "status": "failed",
        "seconds": 1.235,
        "message": MASK,
    }


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors have the exit codes of all commands, a code, and no traceback."""
    write_spec(tmp_path)
    for text, code, said in (
        (CONFIG, 5, "KB1403"),
        (f"{CONFIG}lisen: x\n", 3, "listen"),
        (CONFIG.replace("prod", "other"), 64, "has no cluster 'other'"),
        (CONFIG.replace("spec.yaml", "missing.yaml"), 64, "missing.yaml"),
    ):
        assert main(["autoscaler", "serve", "--config", str(config(tmp_path, text))]) == code
        shown = " ".join(capsys.readouterr().err.split())
        assert said in shown
        assert "Traceback" not in shown
    assert main(["autoscaler", "serve", "--config", str(tmp_path / "no.yaml")]) == 64
    assert "name a configuration file" in capsys.readouterr().err


def test_certificates_are_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pki"
    arguments = ["autoscaler", "certificates", str(folder), "--name", "autoscaler.kube-system.svc"]
    assert main(arguments) == 0
    assert "new: ca, server, client" in capsys.readouterr().err
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(arguments) == 0
    assert "nothing to renew" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o600} == {"ca.key", "client.key", "server.key"}


def test_names_of_certificates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["autoscaler", "certificates", str(tmp_path / "pki"), "--name"]
    for name in ("", "https://x:80", "b\u00e9", "a b", "*.x.org"):
        assert main([*arguments, name]) == 64
        assert "neither a host name nor an IP address" in capsys.readouterr().err
    assert main([*arguments, "FE80:0::1"]) == 0
    assert main([*arguments, "fe80::1"]) == 0
    assert capsys.readouterr().err.endswith("nothing to renew\n")


async def test_sigterm_ends_it_by_itself() -> None:
    stop = stop_on_signal()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 60)


async def stopped(world: World) -> None:
    while not any('"stopped"' in line for line in world.log):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def test_two_servers_cannot_have_one_port(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.server() as server:
        port = await leading(server)
        other = World(tmp_path)  # with a Lease of its own
        with pytest.raises(PrerequisiteMissing, match=f"cannot listen on 127.0.0.1:{port}") as raised:
            async with other.server(listen=f"{NAME}:{port}"):
                await stopped(other)
        assert raised.value.code == "KB1404"


async def test_pages(tmp_path: Path) -> None:
    async with World(tmp_path).server() as server:
        await leading(server)
        assert await page(server, "/healthz?x=1") == (200, "ok\n")
        assert (await page(server, "/readyz"))[0] == 200
        assert (await page(server, "/other"))[0] == 404
        status, text = await page(server, "/metrics")
        assert status == 200
        for line in (
            'kbootstrap_autoscaler_group_target{group="web/small"} 1.0',
            'kbootstrap_autoscaler_group_maximum{group="web/large"} 4.0',
            'kbootstrap_autoscaler_instances{group="web/small",phase="running"} 0.0',
            "kbootstrap_autoscaler_leader 1.0",
            "kbootstrap_autoscaler_unknown_instances 0.0",
        ):
            assert line in text


async def test_http_survives_what_is_no_request() -> None:
    server = HttpServer({"/": lambda: (200, b"fine")})
    port = await server.start(NAME, 0)
    with pytest.raises(PrerequisiteMissing, match="cannot listen"):
        await HttpServer({}).start(NAME, port)
    for sent in (b"", b"\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"\xff\xfe x\r\n\r\n", b"A" * 100_000):
        reader, writer = await asyncio.open_connection(NAME, port)
        writer.write(sent)
        if writer.can_write_eof():
            writer.write_eof()
        assert b"fine" not in await reader.read()
        writer.close()
    reader, writer = await asyncio.open_connection(NAME, port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).endswith(b"\r\n\r\nfine")
    writer.close()
    await server.stop()


def test_secrets_are_masked_in_log_and_events() -> None:
    clock = Clock(0.0, lambda _now: None)
    kubernetes, lines, redactor = FakeKubernetes(clock.time), list[str](), Redactor()
    redactor.add("hunter2-secret")
    reports = NoticeReports(redactor, lines.append, clock.monotonic)

    async def story() -> None:
        task = asyncio.ensure_future(reports.run(kubernetes, lambda: True))
        reports(Notice("NodeFailed", "refused: hunter2-secret", warning=True))
        await asyncio.sleep(5)
        task.cancel()

    on_clock(story(), clock)
    assert "hunter2-secret" not in f"{lines}{kubernetes.events}"
    assert MASK in lines[0]
    assert json.loads(lines[0])["level"] == "warning"
    assert [event.message for event in kubernetes.events] == [f"refused: {MASK}"]


def test_repetitions_are_counted_and_followers_write_none() -> None:
    clock = Clock(0.0, lambda _now: None)
    kubernetes, lines = FakeKubernetes(clock.time), list[str]()
    reports = NoticeReports(Redactor(), lines.append, clock.monotonic)
    leads = [False]

    async def story() -> None:
        task = asyncio.ensure_future(reports.run(kubernetes, lambda: leads[0]))
        reports(Notice("Other", "of a follower"))
        await asyncio.sleep(5)
        leads[0] = True
        for _ in range(10):
            reports(Notice("MaximumReached", "full"))
            await asyncio.sleep(1)
        assert len(kubernetes.events) == 1  # one is written, nine are counted
        await asyncio.sleep(2 * AGAIN)
        kubernetes.down = True
        reports(Notice("Lost", "the API is gone"))
        await asyncio.sleep(5)
        task.cancel()

    on_clock(story(), clock)
    assert [event.reason for event in kubernetes.events] == ["MaximumReached"] * 11
    assert sum('"event not written"' in line for line in lines) == 1
