"""The Go toolchain: builds with pinned checksums in separate caches, and explanations of its errors.

`-mod=readonly` with complete go.sum files: a module whose checksum is not in the recipe stops the build. The
checksum database is therefore never queried, and no setting of the user can disable the check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kbootstrap.artifacts.cache import disk_full
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.events import Emit, Event, Type
from kbootstrap.core.process import Finished, Runner

_DEADLINE = 7200.0
"""Seconds for one program; the largest takes 10 minutes on two cores."""
_ANSWER = 60.0
"""Seconds for Go to print its version."""
C_HINT = "on Debian and Ubuntu: apt-get install build-essential pkg-config libseccomp-dev"
_OLDEST = (1, 21)
"""Since 1.21, Go downloads the newer toolchain that a module requires (https://go.dev/doc/toolchain)."""
_SUMS = re.compile(r"missing go\.sum entry|checksum mismatch|SECURITY ERROR|updates to go\.(mod|sum) needed")
_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|TLS handshake|proxyconnect|: 4\d\d |: 5\d\d "
)


class Go:
    """One Go toolchain with kbootstrap's flags; `cache` is kbootstrap's cache folder."""

    def __init__(self, runner: Runner, cache: Path, env: Mapping[str, str], emit: Emit) -> None:
        self._runner = runner
        self._cache = cache
        self._emit = emit
        self._program = "go"
        self._env = {
            **{name: value for name, value in env.items() if name not in {"GOOS", "GOARCH", "GOEXPERIMENT"}},
            "GOMODCACHE": str(cache / "go" / "mod"),
            "GOCACHE": str(cache / "go" / "build"),
            "GOFLAGS": "-buildvcs=false -modcacherw -mod=readonly",
            "GOWORK": "off",
            "GOTOOLCHAIN": env.get("GOTOOLCHAIN") or "auto",
        }

    async def version(self, folder: Path) -> str:
        """Return the version of the toolchain that builds the module in `folder`, `go1.26.1`.

        Raises `PrerequisiteMissing` when Go is missing or too old.
        """
        self._program = await self._find()
        return (await self._run(["go", "env", "GOVERSION"], cwd=folder)).stdout.strip()

    async def _find(self) -> str:
        """Return the first Go on PATH that runs and is recent enough."""
        places = self._runner.places("go")
        if not places:
            raise PrerequisiteMissing(
                "building from source needs Go, and the program go is not on this machine",
                hint="install Go 1.24 or newer, or name a mirror that has the files (`artifacts.mirror`)",
                code="KB0907",
            )
        unusable: list[str] = []
        for place in places:
            program = "go" if len(places) == 1 else str(place)
            try:
                argv = [program, "env", "GOVERSION"]
                done = await self._runner.run(
                    argv, deadline=_ANSWER, cwd=Path("/"), env=self._env, check=False
                )
            except KbootstrapError as error:
                unusable.append(error.message)
                continue
            said = done.stdout.strip()
            found = re.match(r"go(\d+)\.(\d+)", said)
            if found and (int(found[1]), int(found[2])) >= _OLDEST:
                return program
            unusable.append(f"this machine has {said or 'no Go version'} ({place})")
        raise PrerequisiteMissing(
            f"building from source needs Go {_OLDEST[0]}.{_OLDEST[1]} or newer; {'; '.join(unusable)}",
            hint="install a newer Go, or name a mirror that has the files (`artifacts.mirror`)",
            code="KB0907",
        )

    async def build(
        self,
        folder: Path,
        package: str,
        output: Path,
        *,
        tags: Sequence[str] = (),
        ldflags: Sequence[str] = (),
        cgo: bool = True,
        static: bool = False,
    ) -> None:
        """Build `package` of the module in `folder` into the file `output`."""
        flags = ["-w", "-s", *ldflags, *(["-extldflags=-static"] if static else [])]
        argv = ["go", "build", "-trimpath", f"-tags={','.join(tags)}", f"-ldflags={' '.join(flags)}"]
        env = {"CGO_ENABLED": "1" if cgo else "0"}
        await self._run([*argv, "-o", str(output), package], cwd=folder, env=env, what=output.name)

    async def download(
        self, folder: Path, package: str, *, tags: Sequence[str] = (), cgo: bool = True
    ) -> None:
        """Download the modules that a build of `package` needs, and nothing else; raises as `build`."""
        argv = ["go", "list", "-deps", f"-tags={','.join(tags)}", package]
        env = {"CGO_ENABLED": "1" if cgo else "0"}
        await self._run(argv, cwd=folder, env=env, what=package)

    async def sources(self, folder: Path, package: str) -> tuple[Path, Path]:
        """Download the module that contains `package`; return the module's folder and the package's folder.

        `folder` contains the go.mod and go.sum that pin it. The returned folders belong to the module cache:
        copy them, never change them.
        """
        argv = ["go", "list", "-find", "-f", "{{.Module.Dir}}\n{{.Dir}}", package]
        said = (await self._run(argv, cwd=folder, what=package)).stdout.splitlines()
        return Path(said[0]), Path(said[1])

    async def replace(self, folder: Path, module: str, copy: str) -> None:
        """Make the go.mod in `folder` use a copy of a module in a folder below it."""
        await self._run(["go", "mod", "edit", f"-replace={module}=./{copy}"], cwd=folder)

    async def _run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        what: str = "go",
    ) -> Finished:
        finished = await self._runner.run(
            [self._program, *argv[1:]],
            deadline=_DEADLINE,
            cwd=cwd,
            env={**self._env, **(env or {})},
            on_error_line=lambda line: self._emit(Event(type=Type.LOG, step=what, detail=line)),
            check=False,
        )
        if finished.status != 0:
            raise explained(finished, what, self._cache)
        return finished


def explained(finished: Finished, what: str, cache: Path) -> KbootstrapError:
    """Return the error for a failed run of Go, with an explanation for the operator."""
    text, tail = finished.stderr, finished.tail
    if "no space left on device" in text:
        return disk_full(cache)
    if _SUMS.search(text):
        return KbootstrapError(
            f"building {what} stopped: a module's checksum is not the one that the recipe pins",
            hint="the Go module proxy may serve changed files; do not continue before you know the reason",
            detail=tail,
            code="KB0903",
        )
    if "C compiler" in text or "Package libseccomp was not found" in text:
        return PrerequisiteMissing(
            f"building {what} from source needs a C compiler and the headers of libseccomp",
            hint=C_HINT,
            detail=tail,
            code="KB0908",
        )
    if _NETWORK.search(text):
        return PrerequisiteMissing(
            f"building {what} stopped: the Go module proxy did not deliver a module",
            hint="check the network and the proxy that `go env GOPROXY` names, then run the command again",
            detail=tail,
            code="KB0910",
        )
    return KbootstrapError(
        f"building {what} from source failed",
        hint="the last lines of Go are above; steps that ended are kept, the next run resumes here",
        detail=tail,
        code="KB0911",
    )
