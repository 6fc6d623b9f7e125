"""Runs one command's coroutine: event loop, view, event log, signals, and the confirmation prompt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.cli.names import DEFAULT_SPECS
from kbootstrap.cli.timeline import Recording
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import ClustersFailed, Declined, Interrupted, KbootstrapError, WrongUsage
from kbootstrap.core.event_log import EventLog, redacted
from kbootstrap.core.events import Emit, Event, Status, Type
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.core.workspace import Workspace
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers.model import DestroyPreview
from kbootstrap.views.errors import error_json, show_error
from kbootstrap.views.jsonl import JsonLines
from kbootstrap.views.view import Silent, View, choose

_SILENT = 1.0
"""Seconds that stopping may take before we say that it does."""
_THREADS = 64
"""For blocking calls of all clusters. With asyncio's own number (six on two processors), a cloud that does
not answer would occupy all of them, and requests of other clusters would miss their deadlines."""
STOPPING = (
    "Stopping: resources that are being created are finished first, so that they are not lost. "
    "This can take minutes. Press Ctrl-C again to exit at once: OpenTofu then finishes in the background."
)


@dataclass
class Session:
    """One run of a command, and its operator (`engine.operator`).

    `changed` becomes True when the command begins to change something. `shown` are problems of a plan that
    people have seen already. `recording` is the timeline of the run, where it has one.
    """

    output: str
    view: View
    runtime: Runtime
    log: Path | None = None
    changed: bool = False
    spec: Path | None = None
    shown: tuple[Diagnostic, ...] = ()
    recording: Recording | None = None

    @property
    def human(self) -> bool:
        """Whether stderr is for people, not for programs."""
        return self.output != "json"

    def begin(self) -> None:
        """Record that the command changes something from now on."""
        self.changed = True

    def say(self, text: str) -> None:
        """Print a sentence for people; programs get only events."""
        if self.human:
            with self.view.paused():
                print(text, file=sys.stderr)

    def show_plan(self, plan: PlanDocument, *, empty: bool = True) -> None:
        """Show a plan: to people on stderr, to programs as one JSON document on stdout.

        With `empty` False programs do not get one that has nothing to do.
        """
        if self.human:
            from kbootstrap.views.plan import show_plan

            with self.view.paused():
                show_plan(plan, sys.stderr, os.environ)
            self.shown = tuple(problem for cluster in plan.clusters for problem in cluster.diagnostics)
        elif empty or not plan.empty:
            from kbootstrap.views.plan_data import plan_json

            sys.stdout.write(plan_json(plan) + "\n")

    def show_destroy_preview(self, cluster: str, what: DestroyPreview) -> None:
        """Show which resources of a cluster will be removed."""
        if self.human:
            from kbootstrap.views.destroy_preview import show_destroy_preview

            with self.view.paused():
                show_destroy_preview(cluster, what, sys.stderr, os.environ)

    def warn(self, problems: Sequence[Diagnostic]) -> None:
        """Show problems that do not stop the command."""
        if self.human:
            from kbootstrap.views.diagnostics import show_diagnostics

            with self.view.paused():
                show_diagnostics(problems, sys.stderr, os.environ, changed=None)

    @staticmethod
    def must_ask(without: str) -> None:
        """Raise `Declined` if there is no terminal for a prompt; `without` is the hint for that case.

        Called before any work, so that a run that could only end in that question ends at once.
        """
        if not sys.stdin.isatty() or not sys.stderr.isatty() or os.environ.get("CI"):
            raise Declined("there is no terminal to ask on, and -y was not given", hint=without)

    async def ask(self, question: str, *, wanted: str | None = None) -> None:
        """Ask for confirmation; `wanted` is a word that must be typed instead of yes. Raises `Declined`."""
        with self.view.paused():
            print(f"{question} ", end="", file=sys.stderr, flush=True)
            try:
                answer = (await _line()).strip()
            except asyncio.CancelledError:
                print(file=sys.stderr)  # what follows begins on a line of its own
                raise
        accepted = answer == wanted if wanted else answer.lower() in {"y", "yes"}
        if not accepted:
            raise Declined("the answer was no")


async def _line() -> str:
    """Read a line of stdin without blocking the event loop, so that Ctrl-C ends it."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sys.stdin.fileno(), readable)
    try:
        await ready
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()


def run(
    work: Callable[[Session], Coroutine[Any, Any, int]],
    *,
    output: str = "human",
    tofu: str | None = None,
    spec: Path | None = None,
    logged: bool = False,
    events: Path | None = None,
    quiet: bool = False,
    recording: Recording | None = None,
) -> int:
    """Run `work` and return its exit code; every failure is displayed here.

    `spec` is the spec that the command is about, where it is about one. `logged`: a full event log is kept in
    its workspace; commands that only look keep none. `events` is a file for JSON Lines beside the terminal.
    `quiet`: no progress is shown, the result is one document on stdout. `recording` receives the events too,
    and is finished when the work has ended, however it ended.
    """
    redactor = Redactor()
    view = Silent() if quiet else choose(output, sys.stdout, sys.stderr, os.environ)
    with contextlib.ExitStack() as stack:
        stack.callback(view.close)
        try:
            # A spec that is not there gets no folder: its path may be a typing error.
            log = _log(spec, stack) if logged and spec and spec.is_file() else None
            sinks = [view.on_event, *([log.on_event] if log else []), *_beside(events, stack)]
            sinks += [recording.on_event] if recording else []
        except KbootstrapError as error:
            show_error(error, sys.stderr, os.environ)
            return error.exit_code
        env = dict(os.environ)
        emit = redacted(redactor, *sinks)
        runtime = Runtime(LocalRunner(env), env, cache_folder(env), redactor, emit, tofu)
        session = Session(output, view, runtime, log.path if log else None, spec=spec, recording=recording)
        begun = time.monotonic()
        try:
            code = asyncio.run(_until_signal(work(session), session))
        except KbootstrapError as error:
            return _failed(session, begun, error)
        except (KeyboardInterrupt, asyncio.CancelledError):
            hint = "run the same command again: it resumes where this run stopped"
            return _failed(
                session, begun, Interrupted("interrupted; running processes were stopped", hint=hint)
            )
        except Exception as error:
            _result(session, begun, Status.FAILED, f"a bug: {type(error).__name__}")
            raise
        _result(session, begun, Status.DONE, f"exit code {code}")
        return code


def _log(spec: Path, stack: contextlib.ExitStack) -> EventLog:
    """Open the event log of a run in the workspace of the spec."""
    workspace = Workspace.beside(spec)
    workspace.make()
    return stack.enter_context(contextlib.closing(EventLog(workspace.events)))


def _beside(events: Path | None, stack: contextlib.ExitStack) -> list[Emit]:
    """Open the file of `--events`."""
    if events is None:
        return []
    try:
        stream = stack.enter_context(events.open("w", encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"cannot write the events to {events}: {error.strerror}") from error
    return [JsonLines(stream).on_event]


async def _until_signal(work: Coroutine[Any, Any, int], session: Session) -> int:
    """Let SIGTERM and SIGHUP end the work like Ctrl-C: cleanly, and with a message if that takes long."""
    task, me = asyncio.ensure_future(work), asyncio.current_task()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, me.cancel if me else task.cancel)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        if not (await asyncio.wait([task], timeout=_SILENT))[0]:
            session.say(STOPPING)
        return await task


def _result(session: Session, begun: float, status: Status, detail: str) -> None:
    seconds = time.monotonic() - begun
    if session.recording:
        session.recording.finish(session.runtime.emit, changed=session.changed)
    session.runtime.emit(Event(type=Type.RESULT, status=status, seconds=seconds, detail=detail))


def _failed(session: Session, begun: float, error: KbootstrapError) -> int:
    for one in (error, *(error.failures.values() if isinstance(error, ClustersFailed) else ())):
        _prepare(one, session)
    _result(session, begun, Status.FAILED, error.message)
    session.view.close()
    if not session.human:
        print(error_json(error, log=session.log, changed=session.changed), file=sys.stderr)
    else:
        show_error(error, sys.stderr, os.environ, log=session.log, changed=session.changed)
    return error.exit_code


def _prepare(error: KbootstrapError, session: Session) -> None:
    """Mask secrets in a failure, and leave out what people have seen already."""
    clean = session.runtime.redactor.clean
    error.message, error.detail = clean(error.message), clean(error.detail) if error.detail else None
    error.hint = _with_spec(clean(error.hint), session.spec) if error.hint else None
    if session.human and set(error.diagnostics) <= set(session.shown):
        error.diagnostics = ()


def _with_spec(hint: str, spec: Path | None) -> str:
    """Add the spec to the commands in a hint; the code that raised the error knew only the node."""
    if spec is None or spec in map(Path, DEFAULT_SPECS):
        return hint
    return hint.replace("kbootstrap ssh ", f"kbootstrap ssh {shlex.quote(str(spec))} ")
