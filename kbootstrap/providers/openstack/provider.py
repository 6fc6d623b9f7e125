"""Implements the provider contract with the other modules of this folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.cost.model import Extras
from kbootstrap.distros.additions import Additions, SecretContent
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.cloud import exposure
from kbootstrap.providers.cloud.operator_keys import authorized_keys
from kbootstrap.providers.cloud.preflight import refuse
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.model import Check, DestroyPreview, MachineState, OrphanPhase, Provider
from kbootstrap.providers.openstack import (
    addons,
    cleanup,
    credential,
    early_removal,
    images,
    in_creation,
    inspection,
    machines,
    needs,
    preflight,
)
from kbootstrap.providers.openstack.credentials import variables
from kbootstrap.providers.openstack.elastic import ElasticServers
from kbootstrap.providers.openstack.elastic_access import ServerAccess
from kbootstrap.providers.openstack.logins import LOGINS
from kbootstrap.providers.openstack.problems import problems
from kbootstrap.providers.openstack.render import freeze, render
from kbootstrap.providers.openstack.resolution import resolve
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.providers.openstack.storage import lock_problems
from kbootstrap.providers.openstack.traits import TRAITS
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.pins import ImagePin

UNKNOWN = "unknown"
"""Placeholder for an image ID that was not looked up, because no machine will be created."""


class CloudPrograms:
    """Cloud controller, storage driver and kube-vip in the cluster."""

    def additions(self, definition: ClusterDefinition) -> Additions:
        """Return the manifests of the components that the spec enables."""
        return addons.additions(definition.spec, definition.cluster)

    async def valid_credentials(self, context: ProviderContext) -> frozenset[str]:
        """Return the marks of the cluster's application credential."""
        async with LOGINS.cloud(context) as cloud:
            return await credential.valid_credentials(cloud, context.spec, context.cluster)

    async def make_secret(self, context: ProviderContext) -> SecretContent:
        """Create an application credential for the cluster, and a cloud.conf with it."""
        async with LOGINS.cloud(context) as cloud:
            return await credential.make(cloud, context.spec, context.cluster)


class CloudLocation:
    """The cloud and its region (`capabilities.Location`)."""

    async def describe(self, context: ProviderContext) -> str:
        """Return the credentials and the region that plan and apply use."""
        return str(await asyncio.to_thread(resolve, settings(context.cluster), context))


class CloudBilling:
    """What a cluster pays for (`capabilities.Billing`)."""

    def extras(self, cluster: Cluster) -> Extras:
        """Return floating IPs, load balancers, boot volumes and the bastion."""
        return needs.extras(cluster)


class DirectDeletion:
    """Deletes machines, load balancers and networking through the API (`capabilities.EarlyRemoval`)."""

    async def remove(self, context: ProviderContext, resources: Mapping[str, str]) -> frozenset[str]:
        """Delete all but the network, and wait until it is gone."""
        async with LOGINS.cloud(context) as cloud:
            return await early_removal.remove(cloud, context, resources)


class FlavorFreeze:
    """Keeps the current flavor of machines."""

    def freeze(self, definition: ClusterDefinition, machines: Mapping[str, Mapping[str, Any]]) -> str:
        """Return an HCL override file with the current flavor of each machine."""
        return freeze(definition.cluster, definition.lock, machines)


class CreatingMachines:
    """Machines that are used while OpenTofu still creates load balancers and other machines."""

    def ready(
        self, definition: ClusterDefinition, planned: Collection[str], created: Mapping[str, str]
    ) -> frozenset[str]:
        """Return the nodes of which everything exists. Pure."""
        return in_creation.ready(definition, planned, created)

    async def outputs(
        self, context: ProviderContext, created: Mapping[str, str], names: Collection[str]
    ) -> Mapping[str, Any]:
        """Return the outputs with these nodes."""
        async with LOGINS.cloud(context) as cloud:
            return await in_creation.outputs(cloud, context, created, names)


class CloudPreflight:
    """Quotas, names in the spec, and the right to create a credential for the cluster."""

    async def verify(self, context: ProviderContext) -> None:
        """Raise if the cloud lacks what new resources need."""
        spec, cluster = context.spec, context.cluster
        async with LOGINS.cloud(context) as cloud:
            facts = await preflight.gather(cloud, spec, cluster, context.lock, brief=True)
            problem = await credential.problem(cloud, spec, cluster)
        refuse(cluster, preflight.judge(spec, cluster, facts) if facts is not None else (), problem)


class OpenStack(Provider):
    """Machines of an OpenStack cloud."""

    name = "openstack"
    traits = TRAITS
    addons = CloudPrograms()
    billing = CloudBilling()
    early_removal = DirectDeletion()
    elastic_access = ServerAccess()
    elastic_machines = ElasticServers()
    in_place_freeze = FlavorFreeze()
    location = CloudLocation()
    machines_in_creation = CreatingMachines()
    preflight = CloudPreflight()
    sessions = LOGINS

    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return the root module of the cluster. Pure and byte-stable."""
        return render(definition.spec, definition.cluster, definition.lock)

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return the problems with this cluster's settings that the schema cannot express. Pure."""
        return (
            *problems(spec, cluster),
            *addons.problems(spec, cluster),
            *lock_problems(spec),
            *exposure.warnings(spec, cluster, "security groups"),
        )

    async def pin(self, context: ProviderContext, *, upgrade: bool = False, creating: bool = True) -> Lock:
        """Pin the image: its name is looked up if there is no pin yet, or with `upgrade`."""
        lock, cluster = context.lock, context.cluster
        name = settings(cluster).image_name
        if name is None or (lock.image_id(cluster.name, name) and not upgrade):
            return lock
        if not creating:
            return lock.with_image(cluster.name, ImagePin(name, UNKNOWN))
        async with LOGINS.cloud(context) as cloud:
            return lock.with_image(cluster.name, await images.pin(cloud, context.spec, cluster))

    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Check the credentials, all resources that the spec names, and the quotas."""
        spec, cluster = context.spec, context.cluster
        try:
            async with LOGINS.cloud(context) as cloud:
                login = Check("OpenStack", ok=True, found=cloud.where)
                facts = await preflight.gather(cloud, spec, cluster, context.lock, brief=False)
                problem = await credential.problem(cloud, spec, cluster)
        except KbootstrapError as error:
            return (Check("OpenStack", ok=False, found=error.message, help=error.hint or ""),)
        own = (_own_credential(problem),) if credential.needs_credential(cluster) else ()
        if facts is None:
            return (login, *own)
        return (login, *own, *(finding.check for finding in preflight.judge(spec, cluster, facts)))

    async def prepare(self, context: ProviderContext, *, creating: bool = True) -> Mapping[str, str]:
        """Return the root's variables. Sends no request."""
        chosen = settings(context.cluster)
        found = await asyncio.to_thread(resolve, chosen, context)
        keys: list[str] = []
        if creating:
            keys = await authorized_keys(context, optional=chosen.key_pair is not None)
        return {
            **variables(found.source, chosen, context.env),
            **found.variables(),
            "TF_VAR_ssh_authorized_keys": json.dumps(keys),
        }

    async def inspect(
        self,
        context: ProviderContext,
        *,
        outputs: Mapping[str, Any] | None = None,
        names: Collection[str] = (),
        faults: bool = False,
    ) -> Mapping[str, MachineState]:
        """Return machines that no longer exist, that never ran, or that are in the state ERROR.

        Raises `PrerequisiteMissing` (KB1133) if nothing of the state is in this project.
        """
        if not (outputs or names or faults):
            return {}
        async with LOGINS.cloud(context) as cloud:
            return await inspection.inspect(cloud, context, outputs or {}, names, faults=faults)

    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        """Return the connections to the machines. Starts machines that are shut off."""
        async with LOGINS.cloud(context) as cloud:
            return await machines.inventory(
                cloud, context, outputs, starting=starting, tolerate_missing=tolerate_missing
            )

    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return machines, load balancers of Services, volumes of claims, and their project."""
        async with LOGINS.cloud(context) as cloud:
            return await cleanup.destroy_preview(cloud, context)

    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),  # noqa: ARG002 (OpenTofu removes machines completely)
    ) -> None:
        """Remove resources that Kubernetes created, and those of interrupted runs.

        Before `destroy` the cluster's credential is removed first, so that its components cannot create more.
        """
        if phase is OrphanPhase.AFTER_REMOVAL:
            return
        async with LOGINS.cloud(context) as cloud:
            match phase:
                case OrphanPhase.BEFORE_CREATE:
                    await cleanup.remove_unrecorded(cloud, context, known)
                case OrphanPhase.BEFORE_DESTROY:
                    await cleanup.revoke(cloud, context)
                    await cleanup.before_destroy(cloud, context)
                    await cleanup.remove_unrecorded(cloud, context, known)
                case OrphanPhase.AFTER_DESTROY:
                    await cleanup.after_destroy(cloud, context)


def _own_credential(problem: Diagnostic | None) -> Check:
    if problem is None:
        return Check("application credential", ok=True, found="can be created for the cluster")
    return Check("application credential", ok=False, found=problem.reason, help=problem.help or "")
