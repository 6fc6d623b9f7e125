"""`kbootstrap autoscaler`: the server that Cluster Autoscaler asks for machines, and its certificates."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kbootstrap.cluster.api.http import connect_as
from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.runtime import Runtime
from kbootstrap.core.workspace import Workspace
from kbootstrap.engine.context import Context, single_context
from kbootstrap.engine.elastic_installer import ElasticInstaller
from kbootstrap.engine.elastic_way import Inside, Outside, Way
from kbootstrap.engine.spec import hide_secrets
from kbootstrap.providers import find
from kbootstrap.providers import names as provider_names
from kbootstrap.spec.model import FromFile

if TYPE_CHECKING:
    from kbootstrap.autoscaler.config import Config
    from kbootstrap.autoscaler.definition import Definition
    from kbootstrap.autoscaler.ports import Installer, KubernetesCalls
    from kbootstrap.providers.elastic import ElasticMachines

T = TypeVar("T")
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

    Tests pass their own `make_installer`, which makes what installs machines, and `kubernetes`. Raises
    `PrerequisiteMissing` where something is missing, and what reading the spec and the outputs of OpenTofu
    raises.
    """
    _require_packages()
    from kbootstrap.autoscaler import definition as definitions
    from kbootstrap.autoscaler.cloud import BoundCloud
    from kbootstrap.autoscaler.config import read_config
    from kbootstrap.autoscaler.kube import connect_with, identity
    from kbootstrap.autoscaler.reports import NoticeReports
    from kbootstrap.autoscaler.run import Parts, Running

    config = read_config(path)
    reports = NoticeReports(runtime.redactor, write, asyncio.get_running_loop().time)
    runtime = replace(runtime, emit=reports.step)
    server: list[Running] = []

    def changed(found: definitions.Definition) -> None:
        latest[0] = found
        cloud.use(found)
        for one in server:
            one.use(found)

    known = definitions.Definitions(config.spec, config.cluster, changed, reports)
    first = known.first()
    hide_secrets(first.spec, runtime)
    latest = [first]
    machines = elastic_machines(first)
    context = partial(cluster_context, runtime=runtime, config=config)
    cloud = BoundCloud(machines, lambda found: context(found).provider_context, first)
    async with AsyncExitStack() as stack:
        access = identity(kubeconfig_of(config, context(first))) if kubernetes is None else None
        if access is not None:
            kubernetes = connect_with(access)
            stack.push_async_callback(kubernetes.close)
        if make_installer is not None:
            installer = make_installer(first, runtime)
        else:
            own = ElasticInstaller(
                lambda: context(latest[0]), way_of(config), lambda: connect_as(_given(access))
            )
            stack.push_async_callback(own.close)
            await own.way.outputs(context(first))  # what is missing is reported at once
            installer = own
        name = f"{config.node}_{secrets.token_hex(4)}"
        parts = Parts(cloud, installer, _given(kubernetes), known, reports, name, stop)
        server.append(Running(config, parts, first))
        await server[0].run()


def elastic_machines(definition: Definition) -> ElasticMachines:
    """Return the capability of the cluster's provider. Raises `PrerequisiteMissing` (KB1401)."""
    name = definition.cluster.provider.name
    found = find(name).elastic_machines if name in provider_names() else None
    if found is None:
        raise _unsupported(name)
    return found


def cluster_context(definition: Definition, *, runtime: Runtime, config: Config) -> Context:
    """Return the cluster as it is defined, with the server's own key and folder if it has them."""
    cluster = definition.cluster
    ssh = cluster.ssh
    if config.ssh_key is not None:
        ssh = replace(ssh, private_key=FromFile(str(config.ssh_key)))
    if config.authorized_keys is not None:
        more = FromFile(str(config.authorized_keys))
        ssh = replace(ssh, authorized_keys=(*ssh.authorized_keys, more))
    workspace = Workspace(config.workspace) if config.workspace else None
    return single_context(definition.spec, replace(cluster, ssh=ssh), definition.lock, runtime, workspace)


def kubeconfig_of(config: Config, context: Context) -> Path | None:
    """Return the kubeconfig; None: the service account of the pod.

    Outside of a pod the default is the one that `apply` wrote for the cluster.
    """
    inside = "KUBERNETES_SERVICE_HOST" in context.runtime.env
    if config.kubeconfig is None and not inside and context.space.kubeconfig.is_file():
        return context.space.kubeconfig
    return config.kubeconfig


def way_of(config: Config) -> Way:
    """Return how the server reaches what an installation needs."""
    if config.agent_token is None:
        return Outside()
    return Inside(config.agent_token, config.registration, config.node_files)


def _given(found: T | None) -> T:
    if found is None:
        raise RuntimeError("the server has no access to the Kubernetes API")
    return found


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
