"""What is true on a node now: one script (`facts.sh`), one round trip, parsed into `NodeFacts`."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from kbootstrap import distros
from kbootstrap.cluster.deadlines import FACTS, OVERLAY
from kbootstrap.cluster.lock.holder import holding
from kbootstrap.cluster.lock.lease import TTL
from kbootstrap.cluster.observe.answers import ask
from kbootstrap.cluster.state import certificates
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.state.node_facts import INITIAL, Installed, NodeFacts, TokenMarks, VolumeFacts
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.cluster.state.snapshots import parse as parse_snapshots
from kbootstrap.cluster.state.unit import UnitState, read_unit
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.distros import requirements as needs
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""From `uname -m` to the vendor's names; others keep their own."""


async def gather(
    hosts: Mapping[str, Host],
    distro: Distribution,
    failures: MutableMapping[str, KbootstrapError] | None = None,
    volumes: Mapping[str, Sequence[DesiredVolume]] | None = None,
    required: Collection[str] = (),
    *,
    overlay: bool = False,
    updates: bool = False,
) -> dict[str, NodeFacts]:
    """Read the facts of all hosts at once, by node name.

    Raises `HostUnreachable`, `DeadlinePassed`, or `InstallFailed` (KB0801) when an answer makes no sense.
    With `failures` a host's error is put there instead, unless it is `required`. `volumes` are the extra
    volumes to look for on each host. `overlay`: servers try whether the other nodes answer through the
    network of the pods, which takes some seconds where one does not. `updates`: machines count their pending
    security updates, which takes a second.
    """

    async def one(host: Host) -> NodeFacts | None:
        try:
            text = script(distro, (volumes or {}).get(host.name, ()), overlay=overlay, updates=updates)
            return await _one(host, text, distro)
        except KbootstrapError as error:
            if failures is None or host.name in required:
                raise
            failures[host.name] = error
            return None

    return {found.name: found for found in await run_all(map(one, hosts.values())) if found}


async def _one(host: Host, text: str, distro: Distribution) -> NodeFacts:
    before = time.time()

    def read(said: str) -> NodeFacts:
        return parse(host.name, said, distro, now=(before + time.time()) / 2)

    return await ask(host, text, deadline=FACTS, read=read)


def script(
    distro: Distribution,
    volumes: Sequence[DesiredVolume] = (),
    *,
    overlay: bool = False,
    updates: bool = False,
) -> str:
    """Return the whole script for a distribution, and for a machine with these volumes; as `gather`."""
    paths = distro.paths
    others = [one for one in distros.every() if one.name != distro.name]
    every = (*distro.requirements("server"), *distro.requirements("agent"))
    values = {
        "others": "\n".join(f"{one.name} {one.paths.data}/agent" for one in others),
        "data": paths.data,
        "server": distro.unit("server"),
        "agent": distro.unit("agent"),
        "config": paths.config,
        "join": paths.join,
        "token": paths.token,
        "agent_token": paths.agent_token,
        "server_token": paths.server_token,
        "server_ca": f"{paths.server}/tls/server-ca.crt",
        "etcd": paths.etcd,
        "binary": paths.binary,
        "stamp": paths.stamp,
        "snapshots": paths.snapshots,
        "programs": " ".join(dict.fromkeys(one.name for one in needs.programs(every))),
        "modules": " ".join(dict.fromkeys(one.name for one in needs.modules(every))),
        "folders": " ".join(dict.fromkeys(one.folder for one in needs.folders(every))),
        "overlay": distro.network.overlay if overlay else "",
        "patience_overlay": str(OVERLAY),
        "volumes": "\n".join(f"{one.name} {one.id} {one.mount}" for one in volumes if one.id),
        "updates": "yes" if updates else "no",
    }
    return shell_script(__package__, "ports.sh", "upkeep.sh", "facts.sh", **values)


def parse(name: str, said: str, distro: Distribution, *, now: float) -> NodeFacts:
    """Read what the script printed; `now` is our clock (epoch) at the time.

    Lines of unknown kinds are ignored. Raises `ValueError` when the answer is incomplete or invalid.
    """
    lines = said.splitlines()
    if _MARK.format("begin") not in lines or _MARK.format("end") not in lines:
        raise ValueError("its facts are missing or cut")
    heap = _Heap()
    begin, end = lines.index(_MARK.format("begin")), lines.index(_MARK.format("end"))
    for line in lines[begin + 1 : end]:
        kind, _, rest = line.partition(" ")
        if kind in _READERS:
            _READERS[kind](heap, rest.strip())
        else:
            heap.words[kind] = rest.strip()
    return _facts(name, heap, distro, now)


_LATEST = 253402300799
"""The last second of the year 9999: what a clock may show."""
_MARK = "{} kbootstrap-facts-1"


@dataclass(slots=True)
class _Heap:
    """Lines by kind, while they are read."""

    words: dict[str, str] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Installed] = field(default_factory=dict)
    volumes: dict[str, VolumeFacts] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    lease: list[str] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    mounts: dict[str, frozenset[str]] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    overlay: dict[str, bool] = field(default_factory=dict)


def _unit(heap: _Heap, rest: str) -> None:
    name, *pairs = rest.split()
    heap.units[name] = read_unit(pairs)


def _file(heap: _Heap, rest: str) -> None:
    digest, path = _two(rest)
    heap.files[path] = digest


def _text(heap: _Heap, rest: str) -> None:
    encoded, path = _two(rest)
    try:
        heap.texts[path] = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"the content of {path} cannot be read") from error


def _artifact(heap: _Heap, rest: str) -> None:
    digest, version, intact, path = _split(rest, 4)
    heap.artifacts[path] = Installed(digest, version, intact == "yes")


def _certificate(heap: _Heap, rest: str) -> None:
    name, _, encoded = rest.partition(" ")
    if found := certificates.read(name, encoded):
        heap.certificates.append(found)


def _volume(heap: _Heap, rest: str) -> None:
    name, *pairs = rest.split()
    values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    heap.volumes[name] = VolumeFacts(
        link=values.get("link", ""),
        bytes=_number(values.get("bytes") or "0"),
        kind=values.get("kind") or "unknown",
        size=_number(values.get("size") or "0"),
        mounted=_mounted(values.get("mounted", "no")),
        filled=values.get("filled") == "yes",
        elsewhere=values.get("elsewhere", ""),
    )


def _mounted(word: str) -> Literal["yes", "no", "other"]:
    if word == "yes":
        return "yes"
    return "other" if word == "other" else "no"


def _mount(heap: _Heap, rest: str) -> None:
    folder, *options = rest.split()
    heap.mounts[folder] = frozenset(options)


def _address(heap: _Heap, rest: str) -> None:
    interface, address = _two(rest)
    heap.addresses[interface] = (*heap.addresses.get(interface, ()), address)


def _overlay(heap: _Heap, rest: str) -> None:
    address, answered = _two(rest)
    heap.overlay[address] = answered == "yes"


_READERS: Mapping[str, Callable[[_Heap, str], None]] = {
    "unit": _unit,
    "file": _file,
    "text": _text,
    "artifact": _artifact,
    "volume": _volume,
    "certificate": _certificate,
    "token-mark": lambda heap, rest: heap.tokens.update([_two(rest)]),
    "mount": _mount,
    "address": _address,
    "overlay": _overlay,
    "lacks-module": lambda heap, rest: heap.lacking.append(rest),
    "trace": lambda heap, rest: heap.traces.append(rest),
    "lease": lambda heap, rest: heap.lease.append(rest),
    "other": lambda heap, rest: heap.others.append(rest),
}


def _facts(name: str, heap: _Heap, distro: Distribution, now: float) -> NodeFacts:
    words = heap.words
    epoch = _epoch(words.get("epoch", ""))
    booted = epoch - _number(words.get("uptime", "0"))
    form, _, token_ca = words.get("token", "none").partition(" ")
    return NodeFacts(
        name=name,
        os=words.get("os", ""),
        arch=_ARCHITECTURES.get(words.get("arch", ""), words.get("arch", "")),
        hostname=words.get("hostname", ""),
        time=datetime.fromtimestamp(epoch, UTC),
        clock_skew=round(epoch - now),
        cpus=_number(words.get("cpus", "0")),
        memory=_number(words.get("memory", "")),
        swap=_number(words.get("swap", "0")),
        disk_data=_number(words.get("disk-data", "")),
        disk_binary=_number(words.get("disk-binary", "")),
        systemd=words.get("systemd") == "yes",
        cgroup_memory=words.get("cgroup-memory") == "yes",
        default_route=words.get("default-route") == "yes",
        default_interface=words.get("default-interface", ""),
        addresses=heap.addresses,
        overlay=heap.overlay,
        programs=_words(words.get("programs")),
        cgroups=_words(words.get("cgroups")),
        listening=frozenset(int(word, 16) for word in words.get("listening", "").split()),
        lacking_modules=frozenset(heap.lacking),
        mounts=heap.mounts,
        units={
            name: replace(unit, since=booted + unit.since) if unit.since else unit
            for name, unit in heap.units.items()
        },
        files=heap.files,
        texts=heap.texts,
        artifacts=heap.artifacts,
        claimed=words.get("claimed"),
        traces=tuple(heap.traces),
        others=tuple(heap.others),
        etcd=words.get("etcd") == "yes",
        cluster_id=words.get("cluster-id"),
        token=_form(form),
        token_ca=token_ca or None,
        agent_token=words.get("agent-token") == "yes",
        join=_join(heap.texts.get(distro.paths.join)),
        node_password=words.get("node-password") == "yes",
        restart_pending=words.get("restart-pending") == "yes",
        removed_from_etcd=words.get("left") == "yes",
        restoring=words.get("restoring", ""),
        volumes=heap.volumes,
        lease=holding("\n".join(heap.lease), TTL),
        certificates=tuple(heap.certificates),
        snapshot=_snapshot(name, words.get("snapshot", "")),
        tokens=TokenMarks(**{kind: heap.tokens.get(kind, "") for kind in TokenMarks.__slots__}),
        upkeep=read_upkeep(words),
    )


def read_upkeep(words: Mapping[str, str]) -> Upkeep:
    """Read the lines of `upkeep.sh`, by their first word. ValueError for an age that is no number."""
    updates, age = None, ""
    if "updates" in words:
        age, *names = words["updates"].split()
        updates = tuple(names)
    return Upkeep(
        manager=words.get("package-manager", ""),
        reboot="reboot-required" in words,
        packages=tuple(words.get("reboot-required", "").split()),
        updates=updates,
        age=_number(age or "0"),
        unread=words.get("updates-unread", ""),
    )


def _words(line: str | None) -> frozenset[str] | None:
    return None if line is None else frozenset(line.split())


def _join(text: str | None) -> str | None:
    """Read the join drop-in: `INITIAL`, a URL, or None where there is none of ours."""
    if text is None:
        return None
    found = re.search(r"^server: (\S+)$", text, re.MULTILINE)
    return found.group(1).strip('"') if found else INITIAL


def _snapshot(name: str, line: str) -> Snapshot | None:
    """Read a line of the form that `snapshots.model.parse` reads; None for one that went meanwhile."""
    found = parse_snapshots(name, line) if re.match(r"\d{1,15} \d{1,11} ", line) else ()
    return found[0] if found else None


def _form(word: str) -> Literal["none", "short", "full"]:
    if word == "full":
        return "full"
    return "short" if word == "short" else "none"


def _number(word: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", word):
        raise ValueError(f"'{word[:20]}' is no number")
    return int(word)


def _epoch(word: str) -> int:
    found = _number(word)
    if not 0 <= found <= _LATEST:
        raise ValueError(f"'{word}' is no time")
    return found


def _two(rest: str) -> tuple[str, str]:
    first, second = _split(rest, 2)
    return first, second


def _split(rest: str, count: int) -> list[str]:
    parts = rest.split(" ", count - 1)
    if len(parts) != count:
        raise ValueError(f"a line is cut: {rest[:40]}")
    return parts
