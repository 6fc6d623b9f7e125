"""Obtains OpenTofu's providers where no registry is reachable: cache, vendor's release, build from source.

The programs are cached like any artifact. `<cache>/tofu-mirror` links to them in the layout of a filesystem
mirror, for OpenTofu and for Terraform (their documentation: "CLI Configuration", "filesystem_mirror"):

    <host>/<namespace>/<type>/<version>/linux_<arch>/terraform-provider-<type>_v<version>
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from kbootstrap.artifacts import cache, releases
from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.obtain import ensured, released
from kbootstrap.artifacts.opentofu import unpack
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.artifacts.source.build import SourceBuild
from kbootstrap.artifacts.source.recipe import TofuProvider
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.process import Runner

HOSTS = ("registry.opentofu.org", "registry.terraform.io")
"""Default registries of OpenTofu and Terraform for a provider whose source names no registry."""


async def obtain_provider(
    name: str,
    *,
    runner: Runner,
    emit: Emit = nowhere,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    releases_url: str | None = None,
    patience: Patience | None = None,
) -> Path:
    """Add the pinned version of a provider (`openstack`) to the mirror and return the mirror's folder.

    `folder` is the cache, `releases_url` the server of the releases, as in `obtain`. Errors as in `obtain`;
    KeyError for a provider without a recipe.
    """
    env = os.environ if env is None else env
    root = folder or cache.root(env)
    wanted, arch = recipe.provider(name), machine.architecture()
    release = releases.provider(wanted.source, wanted.version, arch)
    urls = releases.folders(release, None, releases_url or env.get("KBOOTSTRAP_RELEASES_URL"))
    what = f"OpenTofu's provider {name} {wanted.version}"

    async def make(filled: Path) -> str:
        source, _ = await released(release, urls, filled, emit=emit, patience=patience or Patience())
        if source is None:
            await SourceBuild(runner, root, env, emit).program(wanted.step, what, filled)
        else:
            await asyncio.to_thread(unpack, filled / release.files[0], wanted.program)
        return source or cache.BUILT

    place = cache.place(root, wanted.step, f"v{wanted.version}", arch)
    kept = await ensured(place, make, Narrator(emit, f"obtain {what}"), env)
    await asyncio.to_thread(link_provider, root, wanted, kept.folder)
    return mirror(root)


def mirror(root: Path) -> Path:
    """Return the folder of the mirror in the cache `root`; it need not exist."""
    return root / "tofu-mirror"


def mirrored(root: Path, names: Iterable[str]) -> tuple[TofuProvider, ...]:
    """Return the providers among `names` that the mirror contains."""
    known = recipe.provider_names()
    found = [recipe.provider(name) for name in names if name in known]
    return tuple(one for one in found if all((link / one.program).is_file() for link in _links(root, one)))


def _links(root: Path, wanted: TofuProvider) -> list[Path]:
    system = f"linux_{machine.architecture()}"
    return [mirror(root) / host / wanted.source / wanted.version / system for host in HOSTS]


def link_provider(root: Path, wanted: TofuProvider, program: Path) -> None:
    """Let the mirror in the cache `root` lead to the folder `program` with a provider's program."""
    for link in _links(root, wanted):
        target = Path(os.path.relpath(program, link.parent))
        with cache.usable(link.parent):
            if link.is_symlink() and link.readlink() == target:
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            with cache.scratch(link) as folder:
                (folder / "link").symlink_to(target)
                (folder / "link").replace(link)
