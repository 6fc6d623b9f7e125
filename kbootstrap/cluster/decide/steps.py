"""Steps and plans as data: what `decide` returns, what people are shown, what `act` carries out.

Every step says on which node it acts, what it does in a few words (`title`), and why.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kbootstrap.cluster.state.model import WantedVolume
from kbootstrap.core.diagnostics import Diagnostic, errors
from kbootstrap.distros.additions import SECRET_NAMESPACE
from kbootstrap.distros.model import Artifact, NodeFile
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action on one node."""

    node: str
    why: str

    @property
    def title(self) -> str:
        """What the step does, in a few words."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Step):
    """Write down on the node that it belongs to this cluster of ours, before anything else is placed."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "claim the machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean(Step):
    """Take everything off a server that was removed from etcd: its data would found a second cluster."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "take the old member off the machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStep(Step):
    """Something about an extra volume; `link` is the disk in the machine, empty where it is not seen yet."""

    volume: WantedVolume
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatVolume(VolumeStep):
    """Make a filesystem on a volume that has nothing on it."""

    @property
    def title(self) -> str:
        """What the step does."""
        return f"format volume {self.volume.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountVolume(VolumeStep):
    """Mount a volume, now and at every boot; `file` is the unit that does."""

    file: NodeFile

    @property
    def title(self) -> str:
        """What the step does."""
        return f"mount volume {self.volume.name} at {self.volume.mount}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowVolume(VolumeStep):
    """Grow the filesystem to the size of its volume, while it is mounted."""

    @property
    def title(self) -> str:
        """What the step does."""
        return f"grow volume {self.volume.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFile(Step):
    """Send an artifact and check its sha256 on the node.

    `aside`: a service uses the file that is there, so this one waits beside it (`SwapFiles`).
    """

    artifact: Artifact
    version: str
    aside: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return f"send {self.artifact.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile(Step):
    """Write a file of configuration. `before` is its old text where known, `existed` whether it had one."""

    file: NodeFile
    existed: bool = False
    before: str | None = None

    @property
    def title(self) -> str:
        """What the step does."""
        return f"{'change' if self.existed else 'write'} {self.file.path}"

    @property
    def diff(self) -> str:
        """Return a unified diff; the whole new text where the old one is unknown."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.file.content.splitlines(keepends=True),
            self.file.path if self.existed else "/dev/null",
            self.file.path,
        )
        return "".join(lines)


Secret = Literal["new-server", "new-agent", "server", "raw-agent", "agent", "private"]
"""Which secret: made now for a founder (`new-…`), else read from a server: the full server token, the agent
token as servers are configured with it, the full agent token; or a file of `Wanted.private`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecret(Step):
    """Write a token or another secret. Its value never stands in a plan."""

    secret: Secret
    path: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"write {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateTokens(Step):
    """Have a running server take the new tokens that lie beside, for the whole cluster.

    From then on a server that starts needs them. It may be done again: `again` says that it had begun before,
    when they lay on every server already. Some may be through by now, and have put them away.
    """

    again: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return "activate the new tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetTokens(Step):
    """Put the tokens of before away, for snapshots of that time, and what lay beside with them."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "put the old tokens away"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewCertificates(Step):
    """Stop the unit and take its certificates away, so that it makes new ones when it starts."""

    unit: str

    @property
    def title(self) -> str:
        """What the step does."""
        return "make its certificates anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetNode(Step):
    """Delete the Node object of an earlier machine of this name, and with it its password and etcd member.

    `member`: its machine is there, with the data of a member; it notes before that this becomes void.
    """

    member: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return "delete the old Node object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon(Step):
    """Keep new pods away from a node that goes."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "cordon the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncordon(Step):
    """Let pods onto a node again that was to go, and stays."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "uncordon the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Step):
    """Move the pods of a node elsewhere; budgets are respected."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "drain the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldService(Step):
    """See to it that a unit stays down once it ends: a server that is no member any more would join again."""

    unit: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"let {self.unit} restart no more"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopService(Step):
    """Stop and disable the unit."""

    unit: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"stop {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitJoined(Step):
    """Wait until a server that has begun to join etcd has its Node: by that alone it is removed again."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "wait until it has joined"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSnapshot(Step):
    """Save a snapshot of etcd on a server before servers change their version."""

    name: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"save the etcd snapshot {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFiles(Step):
    """Put artifacts of another version, which were sent beside, in place of those that a service uses."""

    artifacts: tuple[Artifact, ...]
    version: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"change to {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitWorkloads(Step):
    """Wait until everything that ran on the node is ready again: another version makes pods anew."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "wait until its workloads are ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartService(Step):
    """Enable and start the unit.

    `behind`: it failed with tokens of before; what it then wrote must not count as newer than the cluster's.
    """

    unit: str
    behind: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return f"start {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartService(Step):
    """Restart the unit so that it reads its new configuration; pods keep running."""

    unit: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"restart {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableService(Step):
    """Enable a unit that runs, so that it starts at the next boot too."""

    unit: str

    @property
    def title(self) -> str:
        """What the step does."""
        return f"enable {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitServing(Step):
    """Wait until a server has joined etcd as a voter and its API answers `/readyz`.

    `looping`: its service fails again and again, and nothing is changed, so one more failure ends the wait.
    """

    unit: str
    looping: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return "wait for the API server and etcd"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitReady(Step):
    """Wait until the Node object is Ready and reports the wanted version.

    `since` is when its service was started (epoch, by its own clock); 0: not yet, or nobody knows. `looping`
    as in `WaitServing`; the node then counts as Ready once a process of its service has lasted.
    """

    unit: str
    version: str
    since: int = 0
    looping: bool = False

    @property
    def title(self) -> str:
        """What the step does."""
        return "wait until the node is Ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileNode(Step):
    """Set labels and taints on the Node object; remove those that we set before and nobody wants any more."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]

    @property
    def title(self) -> str:
        """What the step does."""
        return "set labels and taints"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveSecret(Step):
    """Write the Secret that the infrastructure's programs read. Its value is no part of a plan.

    `good` are the marks of one that needs nothing: it is looked at once more before anything is made.
    `readers` is the label of pods that must start again when an earlier one is replaced.
    """

    secret: str
    readers: str = ""
    good: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What the step does."""
        return f"write the Secret {SECRET_NAMESPACE}/{self.secret}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitKnown(Step):
    """Wait until the infrastructure's controller knows the node: pods are kept away until then."""

    @property
    def title(self) -> str:
        """What the step does."""
        return "wait for the cloud controller"


@dataclass(frozen=True, slots=True)
class Plan:
    """What must happen, by node in the order of the spec; nodes without steps are left out.

    `leaving` are the steps by which nodes go that are not wanted any more, or whose machine is made anew.
    `founder` is the server that starts a new cluster, None where there is one already; `members` are the
    servers that carry its data. `diagnostics` with an error mean that nothing may be done: no steps
    (`refused`).
    """

    cluster: str
    steps: Mapping[str, tuple[Step, ...]]
    diagnostics: tuple[Diagnostic, ...] = ()
    founder: str | None = None
    members: tuple[str, ...] = ()
    leaving: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do: everything is as wanted. A refused plan is not empty."""
        return not self.steps and not self.leaving and not self.refused

    @property
    def refused(self) -> bool:
        """Whether a diagnostic forbids carrying this out."""
        return bool(errors(self.diagnostics))

    @property
    def artifacts(self) -> frozenset[str]:
        """Names of the artifacts that must be on this machine before `converge` is called."""
        return frozenset(
            step.artifact.name
            for steps in self.steps.values()
            for step in steps
            if isinstance(step, StageFile)
        )
