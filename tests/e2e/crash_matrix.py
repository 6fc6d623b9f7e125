"""The crash matrix: kbootstrap, machines and the network die at the boundaries of every changing command.

    python -m tests.e2e.crash_matrix --parts replace,resize,restore --minutes 8
    python -m tests.e2e.crash_matrix --distribution rke2
    python -m tests.e2e.crash_matrix --table

A part first runs once without a crash: the events of that run are the boundaries. Then it goes on from crash
to crash on the same cluster, since each must end in the state that it began with. A point that is lost is
counted, and the part goes on with a new cluster. Which points are tried depends on `--seed`; a run takes up
where the file of results ends (`build/crash-matrix.jsonl`), so a sample may be done in slices, and the run
after a complete sample takes another one. `--table` ends with 1 where a point was lost. RKE2 is the
stand-in of `tests/standin/`, with a file of results of its own (`build/crash-matrix-rke2.jsonl`).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from _pytest.outcomes import OutcomeException

from tests.e2e.crash import Boundary, How, Living, boundaries, crash
from tests.e2e.crash_results import Outcome, complete, key, next_seed, outcomes, report, sample, write
from tests.e2e.lab import LONG, Lab, leftovers, opentofu
from tests.e2e.restores import newest_after_save
from tests.e2e.subjects import Subject, subject

C = "e2ecrash"
S1 = f"{C}-control-plane-1"
DATA = "the-beginning"


def leaving(service: str) -> tuple[Boundary, ...]:
    """Return where the replacement of a server is cut: named, because each point costs minutes."""
    return (
        Boundary("delete the old Node object", "done", S1),
        Boundary(f"stop {service}", "done", S1),
        Boundary("drain the node", "done", S1),
        Boundary("delete the old Node object", "started", S1),
        Boundary(f"start {service}", "done", S1),
        Boundary("wait for the API server and etcd", "started", S1),
        Boundary("replace", "started"),
        Boundary("nodes", "done"),
    )


def names(servers: int, agents: int) -> set[str]:
    return {f"{C}-control-plane-{n}" for n in range(1, servers + 1)} | {
        f"{C}-web-{n}" for n in range(1, agents + 1)
    }


class Matrix:
    """One run of a slice: until `end` (monotonic seconds), into the file of results."""

    def __init__(self, lab: Lab, tried: Subject, results: Path, end: float, seed: int) -> None:
        self.lab, self.subject, self.results, self.end, self.seed = lab, tried, results, end, seed
        self.living = Living(lab, C, distribution=tried.distribution)
        self.tried = {one.key for one in outcomes(results) if one.seed == seed}

    def spec(self, *, servers: int = 1, agents: int = 2, version: str = "") -> Path:
        """Write the spec of these nodes, of the newer version unless another one is named."""
        pools = f"      - {{name: web, nodes: {agents}}}\n"
        text = self.subject.spec(C, version=version, encrypted=False, servers=servers, pools=pools)
        return self.lab.spec(text)

    def over(self) -> bool:
        return time.monotonic() > self.end

    def point(self, part: str, how: How, at: Boundary, work: Callable[[], object]) -> bool:
        """Try one point, and note how it ended; return whether the cluster can be used further.

        The folder of a point that was lost is copied: it needs a look.
        """
        self.tried.add(key(part, how, str(at)))
        begun, note = time.monotonic(), ""
        try:
            came = work()
        except (AssertionError, OutcomeException, subprocess.SubprocessError) as error:
            came, note = True, " ".join(str(error).split())[:300] or type(error).__name__
        if not came:
            sys.stderr.write(f"{part}: {at} did not come this time\n")
            return True
        seconds = round(time.monotonic() - begun, 1)
        write(self.results, Outcome(part, how, str(at), not note, seconds, note, self.seed))
        sys.stderr.write(f"{part}: {how} at {at}: {note or 'survived'} ({seconds:.0f} s)\n")
        if note:
            kept = tempfile.mkdtemp(prefix="kbootstrap-lost-point-")
            shutil.copytree(self.lab.folder, kept, dirs_exist_ok=True, symlinks=True)
            sys.stderr.write(f"lost; the folder of that moment is {kept}\n")
        return not note

    def points(self, part: str, found: Sequence[Boundary], count: int) -> Iterator[tuple[How, Boundary]]:
        """Go through the points of a part that were not tried yet, until the time is over."""
        for how, at in sample(found, count, self.seed, part):
            if self.over():
                return
            if key(part, how, str(at)) not in self.tried:
                yield how, at

    def nothing(self) -> None:
        """Remove what a part before, or a point that was lost, has left."""
        self.lab.run("destroy", "-y", "spec.yaml", code=None)
        if left := leftovers("e2e", C):
            raise SystemExit(f"the cluster cannot be removed: {left}")

    def on_one_cluster(
        self,
        part: str,
        count: int,
        find: Callable[[], Sequence[Boundary]],
        work: Callable[[str, How, Boundary], bool],
        **wanted: int | str,
    ) -> None:
        """Try points on one cluster, on a new one after each that was lost.

        `find` returns the boundaries; `work` tries one, with the authority of the cluster.
        """
        found: Sequence[Boundary] = ()
        lost = True
        while lost and not self.over():
            lost = False
            with self.made(**wanted) as authority:
                found = found or find()
                for how, at in self.points(part, found, count):
                    if not self.point(part, how, at, partial(work, authority, how, at)):
                        lost = True
                        break
            if lost:
                self.nothing()

    def reference(self, *arguments: str) -> list[Boundary]:
        """Run a command without a crash and return its boundaries."""
        process = self.lab.start(*arguments)
        status = process.wait(LONG)
        assert status == 0, (self.lab.folder / "started.err").read_text()
        return boundaries(self.lab.folder / "started.out")

    # Parts

    def new(self, count: int) -> None:
        """A new cluster, from nothing each time."""
        self.spec(agents=1)
        self.living.servers = 1
        self.nothing()
        found = self.reference("apply", "-y", "-o", "json", "spec.yaml")
        for how, at in self.points("apply, new", found, count):
            self.nothing()

            def work(how: How = how, at: Boundary = at) -> bool:
                came = crash(self.lab, ("apply", "-y", "-o", "json", "spec.yaml"), at, how, at.node or S1)
                self.living.heal(names(1, 1), authority=None, data=None)
                self.living.authority()
                return came

            self.point("apply, new", how, at, work)

    @contextmanager
    def made(self, **wanted: int | str) -> Iterator[str]:
        """A cluster with data in it; its authority."""
        self.spec(**wanted)  # type: ignore[arg-type]
        self.living.servers = int(wanted.get("servers", 1))
        self.lab.run("apply", "-y", "spec.yaml", timeout=LONG)
        if "kept" not in self.lab.kubectl("get", "configmap", "-o", "name"):
            self.living.write(DATA)
        yield self.living.authority()

    def replace(self, count: int) -> None:
        """A new machine for an agent."""
        node, command = f"{C}-web-1", ("replace", "-y", "-o", "json", "spec.yaml", f"{C}-web-1")

        def work(authority: str, how: How, at: Boundary) -> bool:
            came = crash(self.lab, command, at, how, node)
            self.living.heal(names(1, 2), authority=authority, data=DATA)
            return came

        self.on_one_cluster("replace an agent", count, partial(self.reference, *command), work, agents=2)

    def replace_server(self, count: int) -> None:
        """A new machine for the server that founded the cluster."""
        command = ("replace", "-y", "-o", "json", "spec.yaml", S1)

        def work(authority: str, how: How, at: Boundary) -> bool:
            came = crash(self.lab, command, at, how, S1)
            self.living.heal(names(3, 1), authority=authority, data=DATA, timeout=LONG)
            return came

        self.on_one_cluster(
            "replace a server", count, lambda: leaving(self.subject.server), work, servers=3, agents=1
        )

    def resize(self, count: int) -> None:
        """One agent fewer, and one more again, in turns: each has its crash."""
        seen: dict[int, list[Boundary]] = {}
        while not self.over():
            with self.made(agents=2) as authority:
                for agents in (1, 2) if not seen else ():
                    self.spec(agents=agents)
                    seen[agents] = self.reference("apply", "-y", "-o", "json", "spec.yaml")
                if self.there_and_back(seen, count, authority):
                    return
            self.nothing()

    def there_and_back(self, seen: dict[int, list[Boundary]], count: int, authority: str) -> bool:
        """Remove and add an agent in turns; return whether no point was lost."""
        fewer = self.points("remove an agent", seen[1], count)
        more = self.points("add an agent", seen[2], count)
        command = ("apply", "-y", "-o", "json", "spec.yaml")
        while True:
            ended = True
            for agents, points, part in ((1, fewer, "remove an agent"), (2, more, "add an agent")):
                self.spec(agents=agents)
                point = next(points, None)
                if point is None:
                    self.lab.run("apply", "-y", "spec.yaml")
                    continue
                ended = False
                how, at = point

                def work(how: How = how, at: Boundary = at, agents: int = agents) -> bool:
                    came = crash(self.lab, command, at, how, f"{C}-web-2")
                    self.living.heal(names(1, agents), authority=authority, data=DATA)
                    return came

                if not self.point(part, how, at, work):
                    return False
            if ended:
                return True

    def restore(self, count: int) -> None:
        """Back to a snapshot; what comes next is the same restore again."""
        lost = True
        while lost and not self.over():
            with self.made(agents=1) as authority:
                lost = not self.restored(count, authority)
            if lost:
                self.nothing()

    def restored(self, count: int, authority: str) -> bool:
        """Restore one snapshot again and again; return whether no point was lost."""
        command = ("snapshot", "restore", "-y", "-o", "json", newest_after_save(self.lab))
        found = self.reference(*command)
        for how, at in self.points("restore", found, count):

            def work(how: How = how, at: Boundary = at) -> bool:
                self.lab.kubectl("create", "configmap", "later", check=False)
                came = crash(self.lab, command, at, how, S1)
                self.lab.run(*command)
                self.living.heal(names(1, 1), authority=authority, data=DATA)
                assert "later" not in self.lab.kubectl("get", "configmap", "-o", "name")
                return came

            if not self.point("restore", how, at, work):
                return False
        return True

    def upgrade(self, count: int) -> None:
        """Another version: there is no way back, so each point has a cluster of its own."""
        command = ("apply", "-y", "-o", "json", "spec.yaml")
        self.spec(agents=1)
        self.nothing()
        with self.made(agents=1, version=self.subject.old):
            self.spec(agents=1)
            found = self.reference(*command)
        for how, at in self.points("upgrade", found, count):
            self.nothing()
            with self.made(agents=1, version=self.subject.old) as authority:

                def work(how: How = how, at: Boundary = at, authority: str = authority) -> bool:
                    self.spec(agents=1)
                    came = crash(self.lab, command, at, how, at.node or S1)
                    self.living.heal(names(1, 1), authority=authority, data=DATA)
                    nodes = self.lab.get("nodes")["items"]
                    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {
                        self.subject.new
                    }
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


def main() -> None:
    """Run a slice, or print the table."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.crash_matrix", description=__doc__)
    options.add_argument("--parts", default=",".join(PARTS))
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--seed", type=int, help="the sample; without, the one that is not complete yet")
    options.add_argument("--distribution", choices=("k3s", "rke2"), default="k3s")
    options.add_argument("--results", type=Path)
    options.add_argument("--table", action="store_true")
    chosen = options.parse_args()
    suffix = "" if chosen.distribution == "k3s" else f"-{chosen.distribution}"
    chosen.results = chosen.results or Path(f"build/crash-matrix{suffix}.jsonl")
    tried = subject(chosen.distribution)
    if chosen.table:
        found = outcomes(chosen.results)
        sys.stdout.write(report(found, f"{tried.distribution} {tried.new}"))
        raise SystemExit(0 if all(one.survived for one in found) else 1)
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    tofu = opentofu()
    lab = Lab(Path(tempfile.mkdtemp(prefix="kbootstrap-crash-")), tofu)
    lab.extra["KBOOTSTRAP_TOFU"] = tofu
    seed = next_seed(chosen.results) if chosen.seed is None else chosen.seed
    sys.stderr.write(f"sample {seed}\n")
    matrix = Matrix(lab, tried, chosen.results, time.monotonic() + chosen.minutes * 60, seed)
    try:
        for part in chosen.parts.split(","):
            work, count = PARTS[part]
            if not matrix.over():
                work(matrix, count)
        if chosen.parts == ",".join(PARTS) and not matrix.over():
            complete(chosen.results, seed)
    finally:
        if (lab.folder / "spec.yaml").exists():
            lab.run("destroy", "-y", "spec.yaml", code=None)
        left = leftovers("e2e", C)
        if left:
            sys.stderr.write(f"left over: {left}\n")


if __name__ == "__main__":
    main()
