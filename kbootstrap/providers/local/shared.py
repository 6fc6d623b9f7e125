"""Artifacts that nodes share: unpacked once for an engine, into a volume that every node mounts read-only.

    shared/<key>/sums                 lines of sha256 and name: the artifacts that were unpacked
    shared/<key>/<artifact>           the artifact itself
    shared/<key>/<artifact>.places    lines of a path in this folder, and the path on a node
    shared/<key>/…                    written by the distribution's script (`Distribution.unpack`)

The key is a hash of the script and the artifacts. A folder gets its name once it is complete, so nodes never
see a part of one. Nodes use the files in place, so nothing is removed while any container mounts the volume.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from functools import partial
from pathlib import Path

from kbootstrap.artifacts.cache import Kept, held
from kbootstrap.core import files
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Status
from kbootstrap.distros.common import SHARED
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.engine import Engine
from kbootstrap.providers.local.image import image_name
from kbootstrap.providers.local.mount import READ_ONLY, VOLUME, WRITABLE
from kbootstrap.providers.local.options import Options
from kbootstrap.providers.local.progress import report

STEP = "unpack the artifacts for all nodes"
_LABEL = "kbootstrap.unpack"
_MANY = 2
"""Versions that are kept while no container uses the volume; each needs about 650 MB."""
_ASK = 30.0
_COPY = 300.0
_UNPACK = 600.0
_SCRIPT = """\
umask 022
in=/artifacts out=$1/.part-$2 seen=$1/$2 sums=$3
if [ -d "$seen" ]; then exit 0; fi
rm -rf "$out"
mkdir "$out" "$in"
printf %s "$sums" > "$out/sums"
while read -r _ name; do mv "/$name" "$in/$name"; done < "$out/sums"
"""
_END = '\nmv "$out" "$seen"\n'


async def provide(engine: Engine, chosen: Options, kept: Kept, script: str, context: ProviderContext) -> None:
    """Unpack the files of a version with `script`, unless the volume has them; concurrent runs do it once.

    Does nothing where no container has the volume yet: it is created by the first node that mounts it. A
    failure is reported and has no other effect: nodes then receive the files.
    """
    made = await _made(engine, context) if script else ""
    if not made:
        return
    key = _key(kept, script)
    record = _record(engine, context)
    if key in _recorded(record, made):
        return
    report_step = partial(report, context, step=STEP)
    started = time.monotonic()
    report_step(Status.STARTED)
    async with held(context.cache / "local" / "shared.lock", partial(report_step, Status.WAITING)):
        if key not in _recorded(record, made):
            problem = await _unpack(engine, chosen, kept, key, script, context)
            if problem:
                report_step(Status.SKIPPED, f"nodes receive the files instead: {problem}")
                return
            files.write(record, json.dumps({"made": made, "keys": [*_recorded(record, made), key]}))
    report_step(Status.DONE, seconds=time.monotonic() - started)


async def tidy(engine: Engine, context: ProviderContext) -> None:
    """Remove the volume if it has many versions and no container uses it; the engine refuses it otherwise."""
    made, keys = _read(_record(engine, context))
    if len(keys) > _MANY and made == await _made(engine, context):
        argv = [engine.program, "volume", "rm", VOLUME]
        await context.runner.run(argv, deadline=_ASK, check=False)


def _record(engine: Engine, context: ProviderContext) -> Path:
    """Return the file that records what the volume of this engine has."""
    name = hashlib.sha256(engine.identity.encode()).hexdigest()[:16]
    return context.cache / "local" / f"shared-{name}.json"


def _key(kept: Kept, script: str) -> str:
    return hashlib.sha256(f"{_SCRIPT}{script}{_END}{_sums(kept)}".encode()).hexdigest()[:16]


def _sums(kept: Kept) -> str:
    return "".join(f"{digest} {name}\n" for name, digest in sorted(kept.sha256.items()))


async def _made(engine: Engine, context: ProviderContext) -> str:
    """Return when the volume was created, in the words of the engine; empty if there is none."""
    argv = [engine.program, "volume", "inspect", "--format", "{{.CreatedAt}}", VOLUME]
    found = await context.runner.run(argv, deadline=_ASK, check=False)
    return found.stdout.strip() if found.status == 0 else ""


def _recorded(record: Path, made: str) -> tuple[str, ...]:
    """Return the keys of the volume that was created at `made`."""
    of, keys = _read(record)
    return keys if of == made else ()


def _read(record: Path) -> tuple[str, tuple[str, ...]]:
    """Return when the recorded volume was created, and its keys; nothing without a readable record."""
    try:
        found = json.loads(record.read_text("utf-8"))
        return str(found["made"]), tuple(map(str, found["keys"]))
    except (OSError, ValueError, TypeError, KeyError):
        return "", ()


async def _unpack(
    engine: Engine, chosen: Options, kept: Kept, key: str, script: str, context: ProviderContext
) -> str:
    """Run the script in a container of its own. Return the reason of a failure; empty on success."""
    await _remove_left(engine, context)
    name = f"kbootstrap-unpack-{secrets.token_hex(4)}"
    run, program = context.runner.run, engine.program
    options = [*chosen.every, *(WRITABLE if option == READ_ONLY else option for option in chosen.node)]
    create = [program, "create", "--name", name, f"--label={_LABEL}", "--pull=never", "--network=none"]
    shell = ["--entrypoint=/bin/sh", image_name(), "-euc", f"{_SCRIPT}{script}{_END}", "unpack", SHARED, key]
    try:
        made = await run([*create, *options, *shell, _sums(kept)], deadline=_ASK, check=False)
        if made.status:
            return made.tail
        for path in kept.paths.values():
            await run([program, "cp", str(path), f"{name}:/{path.name}"], deadline=_COPY)
        done = await run([program, "start", "--attach", name], deadline=_UNPACK, check=False)
    except KbootstrapError as error:
        return error.message
    else:
        return (done.tail or "no reason given") if done.status else ""
    finally:
        await run([program, "rm", "--force", "--volumes", name], deadline=_ASK, check=False)


async def _remove_left(engine: Engine, context: ProviderContext) -> None:
    """Remove containers of killed runs, unless they still work."""
    argv = [engine.program, "ps", "--all", "--quiet", "--filter", f"label={_LABEL}"]
    argv += ["--filter", "status=exited", "--filter", "status=created"]
    left = (await context.runner.run(argv, deadline=_ASK)).stdout.split()
    if left:
        await context.runner.run([engine.program, "rm", "--volumes", *left], deadline=_ASK, check=False)
