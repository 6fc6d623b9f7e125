"""The build from source as a list of steps. It produces the two files that the vendor publishes.

Only modules, compilers and packages are downloaded, never a release. This serves networks that can reach a Go
module proxy but not the release servers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kbootstrap import distros
from kbootstrap.artifacts.source import bundle, images, machine, programs, recipe
from kbootstrap.artifacts.source.golang import Go
from kbootstrap.artifacts.source.images import ACCOUNTS, Image
from kbootstrap.artifacts.source.pack import Data, Symlink
from kbootstrap.artifacts.source.recipe import BuiltImage, DistributionRecipe, GoStep
from kbootstrap.artifacts.source.workshop import BuildStep, Made, Make, Workshop
from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner

PARTS = ("shim", "runc", "cni")
"""Steps that build the programs inside the self-extracting program."""
ADDONS = ("coredns", "local-path-provisioner", "metrics-server")
"""Steps that build the content of the image tarball."""
_FORMAT = "1"
"""Increased when the code below produces different files from the same recipes."""


class SourceBuild:
    """Builds for this machine's architecture; requirements are checked only when a build starts."""

    def __init__(self, runner: Runner, cache: Path, env: Mapping[str, str], emit: Emit) -> None:
        self._runner = runner
        self._cache = cache
        self._env = env
        self._emit = emit
        self._go = Go(runner, cache, env, emit)

    async def distribution(self, wanted: DistributionRecipe, arch: str, folder: Path) -> None:
        """Build the program and the air-gap tarball into `folder`, under the vendor's file names."""
        title, name = f"{wanted.family.name} {wanted.version}", wanted.family.program
        machine.check_architecture(arch, title)
        go = await self._go.version(recipe.FOLDER / wanted.folder)
        compiler = await machine.c_compiler(self._runner, self._env)
        machine.check_space(self._cache)
        program, archive = _files(wanted, arch)
        steps = self._steps(wanted, arch, go, compiler)
        made = await Workshop(self._cache / "build", self._emit, title).run(steps)
        await asyncio.to_thread(_copy, made["bundle"] / name, folder / program)
        await asyncio.to_thread(_copy, made["images"] / archive, folder / archive)

    async def program(self, name: str, what: str, folder: Path) -> None:
        """Build the program of one step (`tofu`, `provider-openstack`) into `folder`; `what` is its title."""
        wanted = recipe.go_step(name)
        go = await self._go.version(recipe.FOLDER / wanted.folder)
        step = programs.step(self._go, wanted, machine.architecture(), go)
        made = await Workshop(self._cache / "build", self._emit, what).run([step])
        await asyncio.to_thread(_copy, made[name] / wanted.output, folder / wanted.output)

    async def image(self, wanted: BuiltImage, arch: str, folder: Path) -> None:
        """Build the program of an image and pack it as an archive into `folder`."""
        machine.check_architecture(arch, f"{wanted.name} {wanted.version}")
        step = recipe.go_step(wanted.step)
        go = await self._go.version(recipe.FOLDER / step.folder)
        machine.check_space(self._cache)
        title = f"{wanted.name} {wanted.version}"
        built = programs.step(self._go, step, arch, go)
        made = await Workshop(self._cache / "build", self._emit, title).run([built])
        program = Data(made[step.name] / step.output, 0o755)
        files = {wanted.entrypoint: program, **ACCOUNTS}
        packed = Image(wanted.tag, files, {"Entrypoint": [f"/{wanted.entrypoint}"], "User": "65534:65534"})
        await asyncio.to_thread(images.pack, [packed], arch, folder / wanted.archive(arch))

    def _steps(self, wanted: DistributionRecipe, arch: str, go: str, compiler: str) -> list[BuildStep]:
        family = wanted.family
        _, archive = _files(wanted, arch)
        steps = [programs.step(self._go, recipe.go_step(name), arch, go) for name in (*PARTS, *ADDONS)]
        small = (recipe.digest("pause"), arch, compiler)

        async def pause(_made: Made, folder: Path) -> None:
            source = recipe.FOLDER / "pause" / "pause.c"
            argv = [*compiler.split(), "-Os", "-static", "-s", "-o", str(folder / "pause"), str(source)]
            await self._runner.run(argv, deadline=120)

        async def busybox(_made: Made, folder: Path) -> None:
            await machine.busybox(self._runner, folder / "busybox")

        async def airgap(made: Made, folder: Path) -> None:
            applets = await self._runner.run([str(made["busybox"] / "busybox"), "--list"], deadline=30)
            packed = addon_images(wanted, made, applets.stdout.split())
            await asyncio.to_thread(images.pack, packed, arch, folder / archive)

        inner = server_step(wanted, go)
        tags = repr(sorted(wanted.images.items()))
        outer = (recipe.digest("bundle", wanted.folder), wanted.version, wanted.commit, arch, go, _FORMAT)
        return [
            *steps,
            BuildStep("pause", "pause", 1, small, pause),
            BuildStep("busybox", "busybox", 2, (arch, _FORMAT), busybox),
            BuildStep(
                "images", "image tarball", 5, (arch, tags, _FORMAT), airgap, (*ADDONS, "pause", "busybox")
            ),
            programs.step(self._go, inner, arch, go),
            BuildStep(
                "bundle",
                f"self-extracting {family.name}",
                15,
                outer,
                self._bundle(wanted, go),
                (family.name, *PARTS),
            ),
        ]

    def _bundle(self, wanted: DistributionRecipe, go: str) -> Make:
        """Pack everything into the vendor's self-extracting program."""
        family, name = wanted.family, wanted.family.program
        outer = f"{family.module}/cmd/{name}"

        async def make(made: Made, folder: Path) -> None:
            work = folder / "source"
            await asyncio.to_thread(shutil.copytree, recipe.FOLDER / wanted.folder, work)
            module, _ = await self._go.sources(work, outer)
            await asyncio.to_thread(programs.copy_tree, module, work / name)
            contents = {
                name: made[family.name] / name,
                "containerd-shim-runc-v2": made["shim"] / "containerd-shim-runc-v2",
                "runc": made["runc"] / "runc",
                "cni": made["cni"] / "cni",
                "check-config": module / "contrib" / "util" / "check-config.sh",
            }
            data = work / name / "pkg" / "data"
            shutil.copyfile(recipe.FOLDER / "bundle" / "data.go", data / "embedded.go")
            await asyncio.to_thread(bundle.pack, contents, data, dict.fromkeys(family.links, name))
            await self._go.replace(work, family.module, name)
            await self._go.build(
                work,
                outer,
                folder / name,
                tags=("urfave_cli_no_docs",),
                ldflags=_versions(wanted, go)[:3],
                cgo=False,
            )
            await asyncio.to_thread(shutil.rmtree, work)

        return make


def fingerprint(distribution: str, version: str) -> str | None:
    """Return a SHA-256 over all inputs of the build of a version; None without a recipe.

    Inputs are sources, their pinned checksums, flags and names of images: the same on every machine with the
    same kbootstrap. A machine's compilers and busybox are excluded; they differ between machines.
    """
    wanted = recipe.distribution(distribution, version)
    if wanted is None:
        return None
    steps = [recipe.go_step(name) for name in (*PARTS, *ADDONS)]
    folders = sorted({"pause", "bundle", wanted.folder, *(f for step in steps for f in step.folders)})
    named = [repr(replace(step, title="", seconds=0)) for step in steps]
    images_by_name = sorted(wanted.images.items())
    # Lock files contain the result, so it keeps the class name of the first version of kbootstrap.
    own = repr(replace(wanted, seconds=0, images={})).replace(
        type(wanted).__name__, distribution.capitalize()
    )
    parts = [recipe.digest(*folders), *named, own, images_by_name, wanted.family.tags, _FORMAT]
    return hashlib.sha256(json.dumps([*parts, programs.FORMAT]).encode()).hexdigest()


def _files(wanted: DistributionRecipe, arch: str) -> tuple[str, str]:
    """Return the vendor's file names of the program and of the images."""
    program, images = distros.find(wanted.family.name).artifacts(wanted.version, arch)
    return program.name, images.name


def addon_images(wanted: DistributionRecipe, made: Made, applets: list[str]) -> list[Image]:
    """Describe the images of the bundled addons. The entry points are those of the vendors' images."""
    shell = {f"bin/{name}": Symlink("busybox") for name in applets if name != "busybox"}
    tags = wanted.images

    def program(step: str) -> Data:
        return Data(made[step] / step, 0o755)

    return [
        Image(tags["pause"], {"pause": program("pause")}, {"Entrypoint": ["/pause"], "User": "65535:65535"}),
        Image(
            tags["coredns"],
            {"coredns": program("coredns"), **ACCOUNTS},
            {"Entrypoint": ["/coredns"], "WorkingDir": "/"},
        ),
        Image(
            tags["metrics-server"],
            {"metrics-server": program("metrics-server"), **ACCOUNTS},
            {"Entrypoint": ["/metrics-server"], "User": "65534"},
        ),
        Image(
            tags["local-path-provisioner"],
            {"usr/bin/local-path-provisioner": program("local-path-provisioner"), **ACCOUNTS},
            {"Cmd": ["local-path-provisioner"]},
        ),
        Image(tags["busybox"], {"bin/busybox": program("busybox"), **shell, **ACCOUNTS}, {"Cmd": ["sh"]}),
    ]


def server_step(wanted: DistributionRecipe, go: str) -> GoStep:
    """Return the step of a distribution's server, which the vendor's program contains, for a Go toolchain."""
    family = wanted.family
    return GoStep(
        name=family.name,
        title=f"{family.name} {wanted.version}",
        seconds=wanted.seconds,
        folder=wanted.folder,
        package=f"{family.module}/cmd/server",
        output=family.program,
        tags=family.tags,
        ldflags=_versions(wanted, go),
        static=True,
    )


def _versions(wanted: DistributionRecipe, go: str) -> tuple[str, ...]:
    """Return linker flags that set the programs' versions; k3s refuses to start without the Go version."""
    own = f"{wanted.family.module}/pkg/version"
    values = {
        f"{own}.Version": wanted.version,
        f"{own}.GitCommit": wanted.commit[:8],
        f"{own}.UpstreamGolang": go,
        "k8s.io/client-go/pkg/version.gitVersion": wanted.version,
        "k8s.io/client-go/pkg/version.gitCommit": wanted.commit,
        "k8s.io/component-base/version.gitVersion": wanted.version,
        "k8s.io/component-base/version.gitCommit": wanted.commit,
        "sigs.k8s.io/cri-tools/pkg/version.Version": wanted.crictl,
        "github.com/containerd/containerd/version.Version": wanted.containerd,
        "github.com/containerd/containerd/version.Package": wanted.family.containerd,
    }
    return tuple(f"-X {name}={value}" for name, value in values.items())


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(source.stat().st_mode & 0o777)
