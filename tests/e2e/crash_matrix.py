"""The crash matrix: kbootstrap, machines and the network die at the boundaries of every changing command.

    python -m tests.e2e.crash_matrix --parts replace,resize,restore --minutes 8
    python -m tests.e2e.crash_matrix --table

A part first runs once without a crash: the events of that run are the boundaries. Then it goes on from crash
to crash on the same cluster, since each must end in the state that it began with. A run takes up where the
file of results ends (`build/crash-matrix.jsonl`), so the whole may be done in slices.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from _pytest.outcomes import OutcomeException

from tests.e2e.crash import Boundary, How, Living, boundaries, chosen, crash
from tests.e2e.lab import LONG, Lab, engine, leftovers, program
from tests.e2e.specs import NETWORK

C = "e2ecrash"
S1 = f"{C}-control-plane-1"
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
HOWS: tuple[How, ...] = ("kbootstrap", "kbootstrap", "machine", "network")
"""In turns; kbootstrap twice as often."""
DATA = "the-beginning"
LEAVING = (
    Boundary("delete the old Node object", "done", S1),
    Boundary("stop k3s.service", "done", S1),
    Boundary("drain the node", "done", S1),
    Boundary("delete the old Node object", "started", S1),
    Boundary("start k3s.service", "done", S1),
    Boundary("wait for the API server and etcd", "started", S1),
    Boundary("replace", "started"),
    Boundary("nodes", "done"),
)
"""Where the replacement of a server is cut: each point costs minutes, so the boundaries are named."""


@dataclass(frozen=True)
class Outcome:
    """One point that was tried. `note` says what was wrong; empty where the cluster survived."""

    part: str
    how: str
    at: str
    survived: bool
    seconds: float
    note: str = ""


def spec(*, servers: int = 1, agents: int = 2, version: str = NEW) -> str:
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: {version}}}
    network: {NETWORK}
    control_plane: {{nodes: {servers}}}
    pools:
      - {{name: web, nodes: {agents}}}
"""


def names(servers: int, agents: int) -> set[str]:
    return {f"{C}-control-plane-{n}" for n in range(1, servers + 1)} | {
        f"{C}-web-{n}" for n in range(1, agents + 1)
    }


class Matrix:
    """One run of a slice: until `end` (monotonic seconds), into the file of results."""

    def __init__(self, lab: Lab, results: Path, end: float) -> None:
        self.lab, self.results, self.end = lab, results, end
        self.living = Living(lab, C)
        before = outcomes(results)
        self.tried = {(one.part, one.how, one.at) for one in before}

    def over(self) -> bool:
        return time.monotonic() > self.end

    def point(self, part: str, how: How, at: Boundary, work: Callable[[], object]) -> None:
        """Try one point, and note how it ended. What did not survive ends the slice: it needs a look."""
        begun, note = time.monotonic(), ""
        try:
            came = work()
        except (AssertionError, OutcomeException, subprocess.SubprocessError) as error:
            came, note = True, " ".join(str(error).split())[:300] or type(error).__name__
        if not came:
            sys.stderr.write(f"{part}: {at} did not come this time\n")
            return
        found = Outcome(part, how, str(at), not note, round(time.monotonic() - begun, 1), note)
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        sys.stderr.write(f"{part}: {how} at {at}: {note or 'survived'} ({found.seconds:.0f} s)\n")
        if note:
            raise SystemExit(f"not survived; the folder is {self.lab.folder}")

    def points(self, part: str, found: Sequence[Boundary], count: int) -> Iterator[tuple[How, Boundary]]:
        """Go through the points of a part that were not tried yet, until the time is over."""
        for number, at in enumerate(chosen(found, count)):
            how = HOWS[number % len(HOWS)]
            if self.over():
                return
            if (part, how, str(at)) not in self.tried:
                yield how, at

    def nothing(self) -> None:
        """Remove what a part before has left."""
        self.lab.run("destroy", "-y", "spec.yaml", code=None)

    def reference(self, *arguments: str) -> list[Boundary]:
        """Run a command without a crash and return its boundaries."""
        process = self.lab.start(*arguments)
        status = process.wait(LONG)
        assert status == 0, (self.lab.folder / "started.err").read_text()
        return boundaries(self.lab.folder / "started.out")

    # Parts

    def new(self, count: int) -> None:
        """A new cluster, from nothing each time."""
        path = self.lab.spec(spec(agents=1))
        self.nothing()
        found = self.reference("apply", "-y", "-o", "json", "spec.yaml")
        for how, at in self.points("apply, new", found, count):
            self.lab.run("destroy", "-y", path)

            def work(how: How = how, at: Boundary = at) -> bool:
                came = crash(self.lab, ("apply", "-y", "-o", "json", "spec.yaml"), at, how, at.node or S1)
                self.living.heal(names(1, 1), authority=None, data=None)
                self.living.authority()
                return came

            self.point("apply, new", how, at, work)

    @contextmanager
    def made(self, **wanted: int | str) -> Iterator[str]:
        """A cluster with data in it; its authority."""
        self.lab.spec(spec(**wanted))  # type: ignore[arg-type]
        self.living.servers = int(wanted.get("servers", 1))
        self.lab.run("apply", "-y", "spec.yaml", timeout=LONG)
        if "kept" not in self.lab.kubectl("get", "configmap", "-o", "name"):
            self.living.write(DATA)
        yield self.living.authority()

    def replace(self, count: int) -> None:
        """A new machine for an agent."""
        node, command = f"{C}-web-1", ("replace", "-y", "-o", "json", "spec.yaml", f"{C}-web-1")
        with self.made(agents=2) as authority:
            found = self.reference(*command)
            for how, at in self.points("replace an agent", found, count):

                def work(how: How = how, at: Boundary = at) -> bool:
                    came = crash(self.lab, command, at, how, node)
                    self.living.heal(names(1, 2), authority=authority, data=DATA)
                    return came

                self.point("replace an agent", how, at, work)

    def replace_server(self, count: int) -> None:
        """A new machine for the server that founded the cluster."""
        command = ("replace", "-y", "-o", "json", "spec.yaml", S1)
        with self.made(servers=3, agents=1) as authority:
            for how, at in self.points("replace a server", LEAVING, count):

                def work(how: How = how, at: Boundary = at) -> bool:
                    came = crash(self.lab, command, at, how, S1)
                    self.living.heal(names(3, 1), authority=authority, data=DATA, timeout=LONG)
                    return came

                self.point("replace a server", how, at, work)

    def resize(self, count: int) -> None:
        """One agent fewer, and one more again, in turns: each has its crash."""
        node = f"{C}-web-2"
        with self.made(agents=2) as authority:
            seen: dict[int, list[Boundary]] = {}
            for agents in (1, 2):
                self.lab.spec(spec(agents=agents))
                seen[agents] = self.reference("apply", "-y", "-o", "json", "spec.yaml")
            fewer = self.points("remove an agent", seen[1], count)
            more = self.points("add an agent", seen[2], count)
            while True:
                ended = True
                for agents, points, part in ((1, fewer, "remove an agent"), (2, more, "add an agent")):
                    self.lab.spec(spec(agents=agents))
                    point = next(points, None)
                    if point is None:
                        self.lab.run("apply", "-y", "spec.yaml")
                        continue
                    ended = False
                    how, at = point

                    def work(how: How = how, at: Boundary = at, agents: int = agents) -> bool:
                        command = ("apply", "-y", "-o", "json", "spec.yaml")
                        came = crash(self.lab, command, at, how, node)
                        self.living.heal(names(1, agents), authority=authority, data=DATA)
                        return came

                    self.point(part, how, at, work)
                if ended:
                    return

    def restore(self, count: int) -> None:
        """Back to a snapshot; what comes next is the same restore again."""
        with self.made(agents=1) as authority:
            self.lab.run("snapshot", "save")
            listed = json.loads(self.lab.run("snapshot", "list", "-o", "json").stdout)["snapshots"]
            command = ("snapshot", "restore", "-y", "-o", "json", listed[-1]["name"])
            found = self.reference(*command)
            for how, at in self.points("restore", found, count):

                def work(how: How = how, at: Boundary = at) -> bool:
                    self.lab.kubectl("create", "configmap", "later", check=False)
                    came = crash(self.lab, command, at, how, S1)
                    self.lab.run(*command)
                    self.living.heal(names(1, 1), authority=authority, data=DATA)
                    assert "later" not in self.lab.kubectl("get", "configmap", "-o", "name")
                    return came

                self.point("restore", how, at, work)

    def upgrade(self, count: int) -> None:
        """Another version: there is no way back, so each point has a cluster of its own."""
        command = ("apply", "-y", "-o", "json", "spec.yaml")
        self.lab.spec(spec(agents=1))
        self.nothing()
        with self.made(agents=1, version=OLD):
            self.lab.spec(spec(agents=1))
            found = self.reference(*command)
        for how, at in self.points("upgrade", found, count):
            self.lab.run("destroy", "-y", "spec.yaml")
            with self.made(agents=1, version=OLD) as authority:

                def work(how: How = how, at: Boundary = at, authority: str = authority) -> bool:
                    self.lab.spec(spec(agents=1))
                    came = crash(self.lab, command, at, how, at.node or S1)
                    self.living.heal(names(1, 1), authority=authority, data=DATA)
                    nodes = self.lab.get("nodes")["items"]
                    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {NEW}
                    return came

                self.point("upgrade", how, at, work)


PARTS = {
    "new": (Matrix.new, 10),
    "replace": (Matrix.replace, 16),
    "resize": (Matrix.resize, 10),
    "restore": (Matrix.restore, 10),
    "upgrade": (Matrix.upgrade, 8),
    "server": (Matrix.replace_server, 8),
}


def outcomes(results: Path) -> list[Outcome]:
    """Read the results so far."""
    if not results.exists():
        return []
    return [Outcome(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]


def table(found: Sequence[Outcome]) -> str:
    """Return the results as Markdown: a summary by part and kind of crash, then every point."""
    every = Counter((one.part, one.how) for one in found)
    well = Counter((one.part, one.how) for one in found if one.survived)
    hows = sorted({one.how for one in found})
    lines = [f"| | {' | '.join(hows)} |", f"|---{'|---' * len(hows)}|"]
    for part in dict.fromkeys(one.part for one in found):
        cells = [f"{well[part, how]} of {every[part, how]}" if every[part, how] else "" for how in hows]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    lines += ["", "| command | what died | at | seconds | |", "|---|---|---|---|---|"]
    for one in found:
        ended = "survived" if one.survived else one.note
        lines.append(f"| {one.part} | {one.how} | {one.at} | {one.seconds:.0f} | {ended} |")
    return "\n".join(lines) + "\n"


def report(found: Sequence[Outcome]) -> str:
    """Return the table under a line that says when, where and with what."""
    said = subprocess.run([engine(), "--version"], capture_output=True, text=True, check=True).stdout
    version = said.strip()
    survived = sum(one.survived for one in found)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, k3s {NEW}, {version}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}: **{len(found)} points tried, {survived} survived.**\n\n"
        f"{table(found)}"
    )


def main() -> None:
    """Run a slice, or print the table."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.crash_matrix", description=__doc__)
    options.add_argument("--parts", default=",".join(PARTS))
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--results", type=Path, default=Path("build/crash-matrix.jsonl"))
    options.add_argument("--table", action="store_true")
    chosen = options.parse_args()
    if chosen.table:
        sys.stdout.write(report(outcomes(chosen.results)))
        return
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    tofu = program("tofu") or program("terraform")
    if tofu is None:
        raise SystemExit("OpenTofu or Terraform is needed: make setup")
    lab = Lab(Path(tempfile.mkdtemp(prefix="kbootstrap-crash-")), tofu)
    lab.extra["KBOOTSTRAP_TOFU"] = tofu
    matrix = Matrix(lab, chosen.results, time.monotonic() + chosen.minutes * 60)
    try:
        for part in chosen.parts.split(","):
            work, count = PARTS[part]
            if not matrix.over():
                work(matrix, count)
    finally:
        if (lab.folder / "spec.yaml").exists():
            lab.run("destroy", "-y", "spec.yaml", code=None)
        left = leftovers("e2e", C)
        if left:
            sys.stderr.write(f"left over: {left}\n")


if __name__ == "__main__":
    main()
