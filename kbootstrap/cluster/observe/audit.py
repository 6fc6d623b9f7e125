"""Facts for audits of a node: one script (`audit.sh`), one round trip, parsed into `AuditFacts`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.deadlines import AUDIT
from kbootstrap.cluster.observe.answers import ask
from kbootstrap.cluster.state.audit_facts import AuditFacts, FileFacts, Listener, PendingUpdates
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script


@dataclass(frozen=True, slots=True)
class Questions:
    """What audits want to know of a node.

    `unit` is its service, `source` and `data` are as in `AuditSources`. `components` are programs of
    Kubernetes, `patterns` files to look at, `texts` files to read (both with wildcards), `kernel` and `sshd`
    names of settings.
    """

    unit: str
    source: str
    data: str
    components: tuple[str, ...]
    patterns: tuple[str, ...]
    texts: tuple[str, ...]
    kernel: tuple[str, ...]
    sshd: tuple[str, ...]


async def read_audit_facts(host: Host, questions: Questions) -> AuditFacts:
    """Read the facts of a node; raises as `Host.run`, and `InstallFailed` (KB0801) for nonsense."""
    return await ask(
        host,
        audit_script(questions),
        deadline=AUDIT,
        read=lambda said: parse_audit(host.name, said, questions),
    )


def audit_script(questions: Questions) -> str:
    """Return the whole script."""
    return shell_script(
        __package__,
        "upkeep.sh",
        "audit.sh",
        unit=questions.unit,
        source=questions.source,
        data=questions.data,
        components=" ".join(questions.components),
        patterns="\n".join(questions.patterns),
        texts="\n".join(questions.texts),
        kernel=" ".join(questions.kernel),
        options=" ".join(questions.sshd),
    )


def parse_audit(name: str, said: str, questions: Questions) -> AuditFacts:
    """Read what the script printed. Raises `ValueError` if the answer is incomplete or invalid."""
    lines = said.splitlines()
    if _MARK.format("begin") not in lines or _MARK.format("end") not in lines:
        raise ValueError("its facts are missing or cut")
    heap = _Answers(questions.patterns)
    for line in lines[lines.index(_MARK.format("begin")) + 1 : lines.index(_MARK.format("end"))]:
        kind, _, rest = line.partition(" ")
        if kind in _READERS:
            _READERS[kind](heap, rest.strip())
    return AuditFacts(
        name=name,
        arguments={one: _arguments(words) for one, words in heap.words.items()},
        files={
            pattern: tuple(heap.files.get(number, ()))
            for number, pattern in enumerate(questions.patterns)
            if pattern not in heap.unread
        },
        texts=heap.texts,
        kernel=heap.kernel,
        sshd={one: tuple(values) for one, values in heap.sshd.items()},
        swap=None if heap.swap is None else tuple(heap.swap),
        synchronized=heap.synchronized,
        updates=PendingUpdates(heap.age, tuple(heap.updates)) if heap.age is not None else None,
        listeners=None if heap.listeners is None else tuple(dict.fromkeys(heap.listeners)),
        providers=heap.providers,
        client_ports=heap.client_ports,
        unread=heap.unread,
    )


_MARK = "{} kbootstrap-audit-1"
_LOOPBACK = re.compile(r"(0{24}|0{16}FFFF0{4})?......7F|0{24}01000000")
"""127.0.0.0/8 and ::1 as proc(5) has them; the first also as an IPv6 address."""


@dataclass(slots=True)
class _Answers:
    """Lines by kind, while they are read."""

    patterns: tuple[str, ...]
    words: dict[str, list[str]] = field(default_factory=dict)
    files: dict[int, list[FileFacts]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    kernel: dict[str, str] = field(default_factory=dict)
    sshd: dict[str, list[str]] = field(default_factory=dict)
    swap: list[str] | None = None
    updates: list[str] = field(default_factory=list)
    listeners: list[Listener] | None = None
    unread: dict[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] | None = None
    synchronized: bool | None = None
    age: int | None = None
    client_ports: int = 32768


def _argument(heap: _Answers, rest: str) -> None:
    component, word = _parts(rest, 2)
    heap.words.setdefault(component, []).append(word)


def _arguments(words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Read words of a command line: `--name=value`, `--name value` and `--name`, which means true."""
    found: dict[str, list[str]] = {}
    name, open_value = "", False
    for word in words:
        if word.startswith("--"):
            name, given, value = word[2:].partition("=")
            found.setdefault(name, []).append(value if given else "true")
            open_value = not given
        elif name:  # the value of the word before, or the rest of one with a space
            values = found[name]
            values[-1] = word if open_value else f"{values[-1]} {word}"
            open_value = False
    return {one: tuple(values) for one, values in found.items()}


def _file(heap: _Answers, rest: str) -> None:
    number, mode, owner, path = _parts(rest, 4)
    if not re.fullmatch(r"[0-7]{1,4}", mode):
        raise ValueError(f"'{mode[:20]}' is no mode")
    heap.files.setdefault(_number(number), []).append(FileFacts(path, int(mode, 8), owner))


def _refused(heap: _Answers, rest: str) -> None:
    number, path = _parts(rest, 2)
    if _number(number) < len(heap.patterns):
        heap.unread[heap.patterns[_number(number)]] = f"{path} cannot be read"


def _text(heap: _Answers, rest: str) -> None:
    encoded, path = rest.split(" ", 1) if " " in rest else ("", rest)
    try:
        heap.texts[path] = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        heap.unread[path] = "it is not text"


def _sshd(heap: _Answers, rest: str) -> None:
    name, _, value = rest.partition(" ")
    heap.sshd.setdefault(name, []).append(value)


def _listen(heap: _Answers, rest: str) -> None:
    kind, address, port, program = (*rest.split(" ", 3), "", "")[:4]
    if not re.fullmatch(r"[0-9A-F]{4}", port):
        raise ValueError(f"'{port[:20]}' is no port")
    heap.listeners = heap.listeners or []
    if not _LOOPBACK.fullmatch(address):
        heap.listeners.append(Listener(kind.rstrip("6").upper(), int(port, 16), program))


def _kernel(heap: _Answers, rest: str) -> None:
    name, _, value = rest.partition(" ")
    heap.kernel[name] = value


def _unread(heap: _Answers, rest: str) -> None:
    topic, reason = _parts(rest, 2)
    heap.unread[topic] = reason


def _swaps(heap: _Answers, rest: str) -> None:
    heap.swap = rest.split()


def _synchronized(heap: _Answers, rest: str) -> None:
    heap.synchronized = rest == "yes"


def _providers(heap: _Answers, rest: str) -> None:
    heap.providers = tuple(rest.split())


def _age(heap: _Answers, rest: str) -> None:
    heap.age = _number(rest)


def _client_ports(heap: _Answers, rest: str) -> None:
    heap.client_ports = _number(rest)


_READERS: Mapping[str, Callable[[_Answers, str], None]] = {
    "component": lambda heap, rest: heap.words.update({rest: []}),
    "argument": _argument,
    "file": _file,
    "refused": _refused,
    "text": _text,
    "kernel": _kernel,
    "client-ports": _client_ports,
    "sshd": _sshd,
    "swap": _swaps,
    "synchronized": _synchronized,
    "providers": _providers,
    "updates": _age,
    "update": lambda heap, rest: heap.updates.append(rest),
    "listen": _listen,
    "unread": _unread,
}


def _number(word: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", word):
        raise ValueError(f"'{word[:20]}' is no number")
    return int(word)


def _parts(rest: str, count: int) -> list[str]:
    parts = rest.split(" ", count - 1)
    if len(parts) != count:
        raise ValueError(f"a line is cut: {rest[:40]}")
    return parts
