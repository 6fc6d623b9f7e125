"""The provider contract, carried out by the other modules of this folder."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, in_order
from kbootstrap.core.errors import KbootstrapError, SpecInvalid
from kbootstrap.distros.additions import Additions, SecretContent
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.model import Bare, Check, Doomed, Surroundings
from kbootstrap.providers.openstack import (
    addons,
    cleanup,
    credential,
    drift,
    exposure,
    images,
    machines,
    preflight,
)
from kbootstrap.providers.openstack.connection import Cloud, connected
from kbootstrap.providers.openstack.credentials import source, variables
from kbootstrap.providers.openstack.hints import HINTS
from kbootstrap.providers.openstack.keys import authorized_keys
from kbootstrap.providers.openstack.problems import problems
from kbootstrap.providers.openstack.render import hold, render
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.providers.openstack.storage import lock_problems
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.pins import Image

UNKNOWN = "unknown"
"""Stands for the ID of an image that nobody has looked up, where no machine will be made."""


class OpenStack(Bare):
    """Machines of an OpenStack cloud."""

    name = "openstack"
    switches_context = False
    hints = HINTS

    def render(self, spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:
        """Return the cluster's root; pure and byte-stable."""
        return render(spec, cluster, lock)

    def hold(self, cluster: Cluster, lock: Lock, machines: Mapping[str, Mapping[str, Any]]) -> str:
        """Return HCL that keeps machines at the flavor that they have."""
        return hold(cluster, lock, machines)

    def problems(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return what the schema cannot say about this cluster's settings; pure."""
        return (
            *problems(spec, cluster),
            *addons.problems(spec, cluster),
            *lock_problems(spec),
            *exposure.warnings(spec, cluster),
        )

    def additions(self, spec: Spec, cluster: Cluster) -> Additions:
        """Return the manifests of the cloud controller and the storage driver, where the spec wants them."""
        return addons.additions(spec, cluster)

    async def good_marks(self, spec: Spec, cluster: Cluster, around: Surroundings) -> frozenset[str]:
        """Return the marks of the cluster's application credential."""
        async with self._cloud(cluster, around) as cloud:
            return await credential.good_marks(cloud, spec, cluster)

    async def secret(self, spec: Spec, cluster: Cluster, around: Surroundings) -> SecretContent:
        """Make an application credential for the cluster, and a cloud.conf with it."""
        async with self._cloud(cluster, around) as cloud:
            return await credential.make(cloud, spec, cluster)

    async def pin(
        self,
        spec: Spec,
        cluster: Cluster,
        lock: Lock,
        around: Surroundings,
        *,
        upgrade: bool = False,
        making: bool = True,
    ) -> Lock:
        """Pin the image: its name is looked up where there is no pin yet, or with `upgrade`."""
        name = settings(cluster).image_name
        if name is None or (lock.image_id(cluster.name, name) and not upgrade):
            return lock
        if not making:
            return lock.with_image(cluster.name, Image(name, UNKNOWN))
        async with self._cloud(cluster, around) as cloud:
            return lock.with_image(cluster.name, await images.pin(cloud, spec, cluster))

    async def check(
        self, spec: Spec, cluster: Cluster, lock: Lock, around: Surroundings
    ) -> tuple[Check, ...]:
        """Look at credentials, at everything that the spec names, and at the quotas."""
        try:
            async with self._cloud(cluster, around) as cloud:
                login = Check("OpenStack", ok=True, found=cloud.where)
                facts = await preflight.gather(cloud, spec, cluster, lock, brief=False)
                unable = await credential.problem(cloud, spec, cluster)
        except KbootstrapError as error:
            return (Check("OpenStack", ok=False, found=error.message, help=error.hint or ""),)
        own = (_own_credential(unable),) if settings(cluster).needs_credential else ()
        if facts is None:
            return (login, *own)
        return (login, *own, *(finding.check for finding in preflight.judge(spec, cluster, facts)))

    async def prepare(
        self, spec: Spec, cluster: Cluster, lock: Lock, around: Surroundings, *, making: bool = True
    ) -> Mapping[str, str]:
        """See that the cloud has what new machines need; return the root's variables."""
        chosen = settings(cluster)
        found = source(chosen, around)
        keys: list[str] = []
        if making:
            keys = await authorized_keys(cluster, around)
            async with self._cloud(cluster, around) as cloud:
                facts = await preflight.gather(cloud, spec, cluster, lock, brief=True)
                unable = await credential.problem(cloud, spec, cluster)
            findings = preflight.judge(spec, cluster, facts) if facts is not None else ()
            stopping = [finding.problem for finding in findings]
            self._refuse(cluster, [problem for problem in (*stopping, unable) if problem is not None])
        return {
            **variables(found, chosen, around.env),
            "TF_VAR_ssh_authorized_keys": json.dumps(keys),
        }

    async def drifted(
        self,
        cluster: Cluster,
        outputs: Mapping[str, Any],
        around: Surroundings,
    ) -> Mapping[str, str]:
        """Return HCL addresses of machines that are gone; OpenTofu finds everything else itself.

        Raises `PrerequisiteMissing` (KB1133) where nothing of the state is in this project.
        """
        async with self._cloud(cluster, around) as cloud:
            return await drift.drifted(cloud, cluster, outputs)

    async def blank(
        self, spec: Spec, cluster: Cluster, names: Collection[str], around: Surroundings
    ) -> frozenset[str]:
        """Return names without a machine, or whose machine never ran."""
        async with self._cloud(cluster, around) as cloud:
            return await drift.blank(cloud, spec, cluster, names)

    async def faults(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Mapping[str, str]:
        """Return what the cloud says of machines in the state ERROR."""
        async with self._cloud(cluster, around) as cloud:
            return await machines.faults(cloud, spec, cluster)

    async def inventory(
        self,
        cluster: Cluster,
        outputs: Mapping[str, Any],
        around: Surroundings,
        *,
        starting: bool = True,
        spare: Collection[str] = (),
    ) -> Inventory:
        """Return how to reach the machines; starts those that are shut off."""
        async with self._cloud(cluster, around) as cloud:
            return await machines.inventory(cloud, cluster, outputs, around, starting=starting, spare=spare)

    async def sweep(self, spec: Spec, cluster: Cluster, known: Collection[str], around: Surroundings) -> None:
        """Remove what an earlier run made and could not note."""
        async with self._cloud(cluster, around) as cloud:
            await cleanup.sweep(cloud, spec, cluster, known, around)

    async def doomed(self, spec: Spec, cluster: Cluster, around: Surroundings) -> Doomed:
        """Return machines, load balancers of Services and volumes of claims, and whose they are."""
        async with self._cloud(cluster, around) as cloud:
            return await cleanup.doomed(cloud, spec, cluster)

    async def release(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """Remove the load balancers that Kubernetes made: they hold the network.

        The cluster's credential goes first: from then on nothing in it can make another one.
        """
        async with self._cloud(cluster, around) as cloud:
            await cleanup.revoke(cloud, spec, cluster, around)
            await cleanup.before(cloud, spec, cluster, around)

    async def cleanup(self, spec: Spec, cluster: Cluster, around: Surroundings) -> None:
        """Remove volumes that Kubernetes made, and what carries the cluster's marks."""
        async with self._cloud(cluster, around) as cloud:
            await cleanup.after(cloud, spec, cluster, around)

    @staticmethod
    @asynccontextmanager
    async def _cloud(cluster: Cluster, around: Surroundings) -> AsyncIterator[Cloud]:
        async with connected(settings(cluster), around) as cloud:
            yield cloud

    @staticmethod
    def _refuse(cluster: Cluster, found: Sequence[Diagnostic]) -> None:
        if found:
            raise SpecInvalid(
                f"the cloud cannot make cluster {cluster.name} as the spec says; nothing was made",
                diagnostics=in_order(found),
            )


def _own_credential(unable: Diagnostic | None) -> Check:
    if unable is None:
        return Check("application credential", ok=True, found="the cluster can have one of its own")
    return Check("application credential", ok=False, found=unable.reason, help=unable.help or "")
