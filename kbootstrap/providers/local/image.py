"""The node image: built once from `node/`, tagged with the hash of its sources, stored by the engine.

There are two ways to build the same image: from a Dockerfile if its base image can be pulled, and from Debian
packages (mmdebstrap) if only a package mirror is reachable. The file system from mmdebstrap is also cached,
so that another or a new engine does not need to build it again.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

from kbootstrap.artifacts.cache import locked
from kbootstrap.core import files
from kbootstrap.core.errors import DeadlinePassed
from kbootstrap.core.events import Status
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local import rootfs
from kbootstrap.providers.local.engine import Engine
from kbootstrap.providers.local.progress import log_lines, report

NODE = Path(__file__).parent / "node"
REPOSITORY = "kbootstrap-node"
BASE = "debian:bookworm-slim"
_PULL = 90.0
_BUILD = 1200.0
_IMPORT = 300.0
_ASK = 30.0
_CHANGES = (
    'ENTRYPOINT ["/usr/local/sbin/kbootstrap-node"]',
    "ENV container=docker LANG=C.UTF-8",
    "EXPOSE 22",
)
"""The image settings of the Dockerfile. The stop signal is set by `run`: import cannot set it."""


def sources() -> dict[str, tuple[bytes, int]]:
    """Return the sources of the image: content and mode by path below `node/`.

    The modes are derived from the paths, because a wheel does not preserve them.
    """
    found: dict[str, tuple[bytes, int]] = {}
    for path in sorted(NODE.rglob("*")):
        if path.is_file():
            name = path.relative_to(NODE).as_posix()
            program = name.startswith(("overlay/usr/local/bin/", "overlay/usr/local/sbin/"))
            found[name] = (path.read_bytes(), 0o755 if program else 0o644)
    return found


def image_name() -> str:
    """Return the image's name with its tag, the hash of its sources."""
    digest = hashlib.sha256()
    for name, (content, mode) in sources().items():
        digest.update(f"{name} {mode:o} {len(content)}\n".encode())
        digest.update(content)
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


async def exists(engine: Engine, context: ProviderContext) -> bool:
    """Return whether the engine has the image."""
    argv = [engine.program, "image", "inspect", image_name()]
    return (await context.runner.run(argv, deadline=_ASK, check=False)).status == 0


async def ensure(engine: Engine, context: ProviderContext) -> str:
    """Return the name of the image; build it if the engine does not have it.

    Concurrent runs build it once. Raises `PrerequisiteMissing` if it cannot be built.
    """
    name = image_name()
    if await exists(engine, context):
        return name
    started = time.monotonic()
    report(context, Status.STARTED, f"building {name} for {engine}; needed once, takes a minute or two")
    try:
        async with locked(
            context.cache / "local" / "image.lock", lambda holder: report(context, Status.WAITING, holder)
        ):
            if not await exists(engine, context):
                await _make(engine, name, context)
    except BaseException:
        report(context, Status.FAILED, None)
        raise
    report(context, Status.DONE, name, time.monotonic() - started)
    await _remove_older(engine, name, context)
    return name


async def _make(engine: Engine, name: str, context: ProviderContext) -> None:
    with tempfile.TemporaryDirectory(prefix="kbootstrap-") as folder:
        build = Path(folder)
        for path, (content, mode) in sources().items():
            files.write(build / path, content, mode=mode)
        kept = rootfs.kept(name, context.cache)
        why = ""
        if kept is None:
            why = await _build(engine, name, build, context)
            if not why:
                return
            kept = await rootfs.make(name, build, why, context)
        changes = [part for change in _CHANGES for part in ("--change", change)]
        report(context, Status.WAITING, f"importing the image into {engine.command}")
        await context.runner.run([engine.program, "import", *changes, str(kept), name], deadline=_IMPORT)


async def _build(engine: Engine, name: str, build: Path, context: ProviderContext) -> str:
    """Build from the Dockerfile. Return the reason of a failure; empty on success."""
    base = await context.runner.run([engine.program, "image", "inspect", BASE], deadline=_ASK, check=False)
    try:
        if base.status:
            report(context, Status.WAITING, f"pulling {BASE}")
            pulled = await context.runner.run([engine.program, "pull", BASE], deadline=_PULL, check=False)
            if pulled.status:
                return pulled.tail
        report(context, Status.WAITING, "building the image from its Dockerfile")
        argv = [engine.program, "build", "--tag", name, str(build)]
        built = await context.runner.run(argv, deadline=_BUILD, check=False, on_line=log_lines(context))
    except DeadlinePassed as error:
        return error.message
    return built.tail if built.status else ""


async def _remove_older(engine: Engine, name: str, context: ProviderContext) -> None:
    """Remove images of earlier versions. The engine keeps an image that a container uses."""
    argv = [engine.program, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY]
    listed = await context.runner.run(argv, deadline=_ASK, check=False)
    for line in listed.stdout.split():
        if line.removeprefix("localhost/") != name and line.removeprefix("localhost/").startswith(
            f"{REPOSITORY}:"
        ):
            await context.runner.run([engine.program, "image", "rm", line], deadline=_ASK, check=False)
