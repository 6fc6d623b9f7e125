"""The actions that steps use, on the step's own node. `cluster/converge` implements them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.distros.model import Artifact, NodeFile
from kbootstrap.spec.model import Taint

Secret = Literal["new-server", "new-agent", "server", "raw-agent", "agent", "private"]
"""Which secret: made now for the initial server (`new-…`), else read from a server: the full server token,
the agent token as servers are configured with it, the full agent token; or a file of
`DesiredCluster.private`."""


class StepRun(Protocol):
    """The actions of every run."""

    async def uninstall(self) -> None:
        """Remove Kubernetes and its data from the machine."""

    async def forget_node(self, *, member: bool) -> None:
        """Delete the Node object. `member`: before, record on the machine that its etcd data is invalid."""

    async def uncordon(self) -> None:
        """Allow pods on the node again."""

    async def hand_over(self) -> None:
        """Let the other servers take over from this one, which stops next."""


class ConvergeRun(StepRun, Protocol):
    """The actions of a run that makes nodes match the spec."""

    @property
    def unit(self) -> str:
        """The unit of the node's role."""

    async def note_changes(self) -> None:
        """Record on the machine what the steps of this node will change, before anything is changed."""

    async def format_volume(self, volume: DesiredVolume, link: str) -> None:
        """Create a filesystem on an empty disk."""

    async def mount_volume(self, volume: DesiredVolume, link: str, file: NodeFile) -> None:
        """Mount a volume by its unit file."""

    async def grow_volume(self, volume: DesiredVolume, link: str) -> None:
        """Grow a filesystem while it is mounted."""

    async def stage_artifact(self, artifact: Artifact, version: str, *, aside: bool) -> None:
        """Send an artifact to its path; `aside`: into the folder from which `swap_artifacts` moves it."""

    async def preload_images(self, artifact: Artifact, *, required: bool) -> None:
        """Import an image archive into the container runtime; only if `required` a failure matters."""

    async def swap_artifacts(self, artifacts: Collection[Artifact], version: str) -> None:
        """Move artifacts that were sent aside to their paths."""

    async def write(self, content: str, path: str, mode: int) -> None:
        """Write a text file."""

    async def write_secret(self, secret: Secret, path: str) -> None:
        """Write a secret, 0600."""

    async def stage_tokens(self) -> None:
        """Write the new tokens beside the old ones on all members."""

    async def activate_tokens(self) -> None:
        """Make a running server use the staged tokens, for the whole cluster."""

    async def activate_tokens_later(self) -> None:
        """Have `activate_deferred` activate the tokens on this server."""

    async def activate_deferred(self) -> None:
        """Activate the tokens, if `activate_tokens_later` was called."""

    async def retire_tokens(self) -> None:
        """Keep the old tokens for the snapshots of their time, and remove the staged ones."""

    async def age_password_file(self, unit: str) -> None:
        """Stop a failing unit and make its password file older than the cluster's data."""

    async def remove_certificates(self, unit: str) -> None:
        """Stop the unit and move its certificates away; it creates new ones when it starts."""

    async def save_snapshot(self, name: str) -> None:
        """Save a snapshot of etcd on this server."""

    async def active(self, unit: str) -> bool:
        """Whether a unit is active now."""

    async def start(self, unit: str) -> None:
        """Enable a unit and begin to start it."""

    async def restart(self, unit: str) -> None:
        """Restart a unit; first record the workloads of the node if a later step waits for them."""

    async def enable(self, unit: str) -> None:
        """Enable a unit that runs."""

    async def wait_serving(self, unit: str, *, looping: bool) -> None:
        """Wait until a server is an etcd voter and its API answers."""

    async def wait_ready(self, unit: str, version: str, since: int, *, looping: bool) -> None:
        """Wait until the node is Ready since this run started its service, or else since `since` (epoch)."""

    async def wait_workloads(self) -> None:
        """Wait until the workloads that ran on the node before its restart are ready again."""

    async def wait_known(self, controller: str) -> None:
        """Wait until the cloud controller has initialized the node."""

    async def reconcile(self, labels: Mapping[str, str], taints: tuple[Taint, ...]) -> None:
        """Set labels and taints on the Node object."""

    async def give_secret(self, secret: str, readers: str, valid: Collection[str]) -> None:
        """Write the Secret of the infrastructure's programs unless its mark is one of `valid`."""

    async def give_pod_secrets(self, good: Collection[str], *, checked: bool) -> None:
        """Write the autoscaler's Secrets. Unless `checked`, those that turn out to be valid stay."""

    async def remove_pods(self, *, last: bool) -> None:
        """Remove what the autoscaler's manifest does not have; `last`: the Secret with the mark too."""

    async def drop_artifact(self, path: str) -> None:
        """Remove an artifact, and its entry in the stamp."""

    async def record_hosts(self, machines: Mapping[str, Recorded]) -> None:
        """Write entries of the cluster's record of its hosts."""


class RemovalRun(StepRun, Protocol):
    """The actions of a run that removes nodes from a cluster."""

    async def cordon(self) -> None:
        """Keep new pods away from the node."""

    async def drain(self) -> None:
        """Evict the pods of the node and wait until they are gone."""

    async def wait_joined(self) -> None:
        """Wait until the Node object exists."""

    async def prevent_restart(self, unit: str) -> None:
        """Prevent systemd from restarting the unit."""

    async def stop_service(self, unit: str) -> None:
        """Stop and disable the unit."""

    async def delete_machine(self) -> None:
        """Delete the node's machine in the infrastructure, and wait until it is gone."""

    async def record_host(self, machine: Recorded | None) -> None:
        """Write the node's entry in the cluster's record of its hosts; None removes it."""
