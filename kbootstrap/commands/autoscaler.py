"""`kbootstrap autoscaler`: the server that Cluster Autoscaler asks for machines, and its certificates."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.runtime import Runtime
from kbootstrap.core.workspace import Workspace
from kbootstrap.engine.spec import hide_secrets
from kbootstrap.providers import find
from kbootstrap.providers import names as provider_names
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.topology import nodes

if TYPE_CHECKING:
    from kbootstrap.autoscaler.definition import Definition
    from kbootstrap.autoscaler.ports import Installer, KubernetesCalls
    from kbootstrap.providers.elastic import ElasticMachines

MakeInstaller = Callable[["Definition", Runtime], "Installer"]
INSTALL = "pip install 'kbootstrap[autoscaler]'"


async def serve(
    path: Path,
    runtime: Runtime,
    write: Callable[[str], None],
    stop: asyncio.Event,
    *,
    make_installer: MakeInstaller | None = None,
    kubernetes: KubernetesCalls | None = None,
) -> None:
    """Serve with the configuration file `path` until `stop` is set. `write` writes a line of the log.

    `make_installer` makes what installs machines; None: this version cannot. Tests pass their own
    `kubernetes`.
    """
    _require_packages()
    from kbootstrap.autoscaler import definition as definitions
    from kbootstrap.autoscaler.cloud import BoundCloud
    from kbootstrap.autoscaler.config import read_config
    from kbootstrap.autoscaler.kube import connect
    from kbootstrap.autoscaler.reports import NoticeReports
    from kbootstrap.autoscaler.run import Parts, Running

    config = read_config(path)
    reports = NoticeReports(runtime.redactor, write, asyncio.get_running_loop().time)
    server: list[Running] = []

    def changed(found: definitions.Definition) -> None:
        cloud.use(found)
        for one in server:
            one.use(found)

    known = definitions.Definitions(config.spec, config.cluster, changed, reports)
    first = known.first()
    hide_secrets(first.spec, runtime)
    machines = elastic_machines(first)
    if make_installer is None:
        raise _unsupported(first.cluster.provider.name)
    cloud = BoundCloud(machines, lambda found: provider_context(found, runtime), first)
    api = kubernetes or connect(config.kubeconfig)
    identity = f"{config.node}_{secrets.token_hex(4)}"
    parts = Parts(cloud, make_installer(first, runtime), api, known, reports, identity, stop)
    try:
        server.append(Running(config, parts, first))
        await server[0].run()
    finally:
        await api.close()


def elastic_machines(definition: Definition) -> ElasticMachines:
    """Return the capability of the cluster's provider. Raises `PrerequisiteMissing` (KB1401)."""
    name = definition.cluster.provider.name
    found = find(name).elastic_machines if name in provider_names() else None
    if found is None:
        raise _unsupported(name)
    return found


def provider_context(definition: Definition, runtime: Runtime) -> ProviderContext:
    """Return the argument of the provider's methods."""
    return ProviderContext(
        spec=definition.spec,
        cluster=definition.cluster,
        lock=definition.lock,
        nodes=nodes(definition.cluster, definition.lock),
        runner=runtime.runner,
        env=runtime.env,
        cache=runtime.cache,
        space=Workspace.beside(definition.spec.path).of(definition.cluster.name),
        redactor=runtime.redactor,
        emit=runtime.emit,
    )


def certificates(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Write certificates into a folder, or renew those that expire soon; return what is new.

    Keys are readable by their owner only.
    """
    from kbootstrap.autoscaler.certificates import FILES, renew

    present = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
    renewed = renew(present, names, datetime.now(UTC))
    for name, content in renewed.files.items():
        files.write_if_changed(folder / name, content, mode=0o600 if name.endswith(".key") else 0o644)
    return renewed.made


def _unsupported(provider: str) -> PrerequisiteMissing:
    return PrerequisiteMissing(
        f"this version cannot create machines for autoscaling with the provider {provider}",
        hint="give its pools a fixed number of `nodes`, or use another provider",
        code="KB1401",
    )


def _require_packages() -> None:
    try:
        import google.protobuf  # noqa: F401
        import grpc  # noqa: F401
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise PrerequisiteMissing(
            f"the package {error.name} is not installed", hint=INSTALL, code="KB1405"
        ) from error
