"""The actions of steps on one node of a run: on its machine, and through the API (`steps/run.py`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.converge import disks, rotation, secrets
from kbootstrap.cluster.converge.cluster_run import ClusterRun
from kbootstrap.cluster.converge.drain import await_workloads, uncordon, workloads
from kbootstrap.cluster.converge.etcd_api import promoting
from kbootstrap.cluster.converge.hand_over import hand_over, has_stopped
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.converge.paths import verify_paths
from kbootstrap.cluster.converge.readiness import await_known, await_ready
from kbootstrap.cluster.converge.secrets import PodSecrets, give
from kbootstrap.cluster.converge.uninstall import uninstall
from kbootstrap.cluster.decide.host_record import RECORD, entry
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.membership import WaitWorkloads
from kbootstrap.cluster.steps.run import Secret
from kbootstrap.distros.model import Artifact, NodeFile
from kbootstrap.hosts.model import Host, Transferred
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True)
class NodeRun:
    """Implements `ConvergeRun` for one step of the node `name`.

    `waiting` is called with what the step waits for, `progress` with how far a transfer is.
    """

    shared: ClusterRun
    name: str
    waiting: Callable[[str], None]
    progress: Transferred

    @property
    def unit(self) -> str:
        """The unit of the node's role."""
        return self.shared.desired.distro.unit(self.shared.desired.node(self.name).role)

    @property
    def _host(self) -> Host:
        return self.shared.hosts[self.name]

    @property
    def _machine(self) -> NodeActions:
        return self.shared.machine(self.name)

    async def _verify_paths(self) -> None:
        """Verify that the node reaches its cluster, before it waits: once in a run."""
        run = self.shared
        if self.name not in {run.plan.initial_server, *run.started, *run.verified}:
            await verify_paths(run, self.name, self.waiting)
            run.verified.add(self.name)

    async def uninstall(self) -> None:
        """Uninstall an earlier member."""
        await uninstall(self._host, self.shared.desired.distro, self.shared.desired.cluster)

    async def hand_over(self) -> None:
        """Let the other servers take over; `restart` ends it."""
        await hand_over(self._host, self.shared.desired.distro)

    async def note_changes(self) -> None:
        """Record what the steps of this node will change."""
        await self._machine.begin(self.shared.plan.steps[self.name])

    async def format_volume(self, volume: DesiredVolume, link: str) -> None:
        """Create a filesystem."""
        await disks.format_volume(volume, link, self._host)

    async def mount_volume(self, volume: DesiredVolume, link: str, file: NodeFile) -> None:
        """Mount a volume."""
        await disks.mount_volume(volume, link, file, self._host)

    async def grow_volume(self, volume: DesiredVolume, link: str) -> None:
        """Grow a filesystem."""
        await disks.grow_volume(volume, link, self._host)

    async def stage_artifact(self, artifact: Artifact, version: str, *, aside: bool) -> None:
        """Send an artifact."""
        run = self.shared
        if run.shared and await self._machine.place_shared(artifact, version, run.artifacts, aside=aside):
            return
        await self._machine.stage(
            artifact,
            version,
            run.artifacts,
            aside=aside,
            fetch=partial(run.relay.fetch, waiting=self.waiting) if run.relay else None,
            progress=self.progress,
        )

    async def preload_images(self, artifact: Artifact, *, required: bool) -> None:
        """Import an image archive; one that is sent is unpacked here once for all nodes."""
        run = self.shared
        if run.shared:
            self.waiting("the images are imported")
            if await self._machine.load_shared(artifact, run.desired.version, run.artifacts):
                return
        archive = run.artifacts[artifact.name].path
        await self._machine.preload(await run.unpacked.of(archive), required=required)

    async def swap_artifacts(self, artifacts: Collection[Artifact], version: str) -> None:
        """Move artifacts to their paths."""
        run, sent = self.shared, list(artifacts)
        if run.shared:
            machine = self._machine
            sent = [one for one in sent if not await machine.swap_shared(one, version, run.artifacts)]
        await self._machine.swap(sent, version, run.artifacts)

    async def write(self, content: str, path: str, mode: int) -> None:
        """Write a text file."""
        await self._machine.put(content, path, mode)

    async def write_secret(self, secret: Secret, path: str) -> None:
        """Write a file of `DesiredCluster.private` or `DesiredCluster.common`, or a token."""
        desired = self.shared.desired
        private = desired.private.get(path) or desired.common.get(path)
        await self._machine.put(private or self.shared.tokens.give(secret), path)

    async def stage_tokens(self) -> None:
        """Write the new tokens beside the old ones on all members."""
        members = [self.shared.hosts[name] for name in self.shared.plan.members]
        await rotation.stage_tokens(members, self.shared.tokens.staged())

    async def activate_tokens(self) -> None:
        """Activate the staged tokens."""
        await rotation.activate(self._host, self.shared.desired.distro, self.waiting)

    async def activate_tokens_later(self) -> None:
        """Activate the tokens once this server serves."""
        self.shared.deferred.add(self.name)

    async def activate_deferred(self) -> None:
        """Activate the tokens now, if that was deferred."""
        if self.name in self.shared.deferred:
            await self.activate_tokens()

    async def retire_tokens(self) -> None:
        """Keep the old tokens, and remove the staged ones."""
        await rotation.retire_tokens(self._host, self.shared.desired.distro)

    async def age_password_file(self, unit: str) -> None:
        """Let the cluster's data count as newer than the server's own."""
        await rotation.age_password_file(self._host, unit, self.shared.desired.distro)

    async def remove_certificates(self, unit: str) -> None:
        """Stop the unit and move its certificates away."""
        await rotation.remove_certificates(self._host, unit, self.shared.desired.distro)

    async def save_snapshot(self, name: str) -> None:
        """Save a snapshot of etcd."""
        await self._machine.save_snapshot(name, self.waiting)

    async def active(self, unit: str) -> bool:
        """Whether a unit is active now."""
        return await rotation.is_active(self._host, unit)

    async def start(self, unit: str) -> None:
        """Begin to start a unit, once the way to the cluster is open."""
        await self._verify_paths()
        self.shared.started[self.name] = await self._machine.start(unit)

    async def restart(self, unit: str) -> None:
        """Restart a unit."""
        if self.shared.plan.has(self.name, WaitWorkloads):
            self.shared.ran[self.name] = await workloads(self.shared.api, self.name, stays=True)
        self.shared.started[self.name] = await self._machine.restart(unit)

    async def enable(self, unit: str) -> None:
        """Enable a unit."""
        await self._machine.enable(unit)

    async def wait_serving(self, unit: str, *, looping: bool) -> None:
        """Wait until a server serves."""
        await self._verify_paths()
        run = self.shared
        joining = run.serving not in ("", self.name) and self.name not in run.plan.members
        async with promoting(run.hosts[run.serving] if joining else None, run.desired.distro):
            await self._machine.serving(unit, self.waiting, looping=looping)

    async def wait_ready(self, unit: str, version: str, since: int, *, looping: bool) -> None:
        """Wait until the node is Ready."""
        await self._verify_paths()
        since = self.shared.started.get(self.name, since)
        agent = self.shared.desired.node(self.name).role == "agent"
        await await_ready(
            self.name,
            unit,
            version,
            watch=self.shared.watch,
            machine=self._machine,
            since=since,
            looping=looping,
            servers=self.shared.look_at_servers if agent else None,
        )

    async def wait_workloads(self) -> None:
        """Wait until the workloads of the node are ready again."""
        if self.name in self.shared.ran:
            await await_workloads(self.shared.api, self.name, self.shared.ran[self.name], self.waiting)

    async def wait_known(self, controller: str) -> None:
        """Wait for the cloud controller."""
        await await_known(self.name, self.shared.watch, controller)

    async def forget_node(self, *, member: bool) -> None:
        """Delete the Node object of an earlier machine, once the API answers."""
        del member  # this machine is a new one
        await self.shared.gate.wait()
        stopped = partial(has_stopped, self._host, self.shared.desired.distro)
        await self.shared.watch.forget(self.name, stopped)

    async def uncordon(self) -> None:
        """Allow pods on the node again."""
        await uncordon(self.shared.api, self.name)

    async def reconcile(self, labels: Mapping[str, str], taints: tuple[Taint, ...]) -> None:
        """Set labels and taints."""
        await self.shared.watch.reconcile(self.name, labels, taints)

    async def give_secret(self, secret: str, readers: str, valid: Collection[str]) -> None:
        """Write the Secret of the infrastructure's programs."""
        await give(secret, readers, valid, self.shared.api, self.shared.make_secret)

    async def give_pod_secrets(self, good: Collection[str], *, checked: bool) -> None:
        """Write the autoscaler's Secrets."""
        token = self.shared.tokens.give("agent")
        await secrets.give_pods(token, good, self.shared.api, self._pod_secrets, checked=checked)

    async def remove_pods(self, *, last: bool) -> None:
        """Remove what the autoscaler's manifest does not have."""
        await secrets.remove_pods(self.shared.api, self._pod_secrets, self.waiting, last=last)

    async def drop_artifact(self, path: str) -> None:
        """Remove an artifact."""
        await self._machine.drop(path)

    @property
    def _pod_secrets(self) -> PodSecrets:
        if self.shared.pod_secrets is None:
            raise RuntimeError("the plan has the autoscaler's Secrets, and nothing can make or end them")
        return self.shared.pod_secrets

    async def record_hosts(self, machines: Mapping[str, Recorded]) -> None:
        """Write entries of the record."""
        changes = {name: entry(machine) for name, machine in machines.items()}
        await patiently(partial(self.shared.api.put_config, RECORD, changes))
