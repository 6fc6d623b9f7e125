"""Machines that play k3s, for tests of steps: fake hosts, and an API that knows the nodes that started."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.converge.secrets import MakeSecret, PodSecrets
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.cluster.state.pods import Owner, Pod
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.events import Event
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.additions import SecretContent
from kbootstrap.inventory.model import Endpoint
from kbootstrap.spec.model import Taint
from tests.cluster.world import CA, EXTERNAL
from tests.hosts.fake import Answer, FakeHost, Run, output

SERVER_TOKEN = f"K10{CA}::server:5e11e75e11e75e11e7"
AGENT_TOKEN = f"K10{CA}::node:a9e47a9e47a9e47a9e47"
RAW_AGENT = "a9e47a9e47a9e47a9e47"
KUBECONFIG = "apiVersion: v1\nclient-key-data: c2VjcmV0IGtleSBvZiB0aGUgYWRtaW4=\n"

SHARED = {
    "place": "placed\n",
    "set_aside": "aside\n",
    "load": "shared\n",
    "swap": "imported\n",
    "release": "",
}
"""What `shared.sh` prints on a node that sees shared artifacts."""


async def carry_out(
    machines: Machines,
    plan: Plan,
    local: Mapping[str, LocalFile],
    events: list[Event] | None = None,
    redactor: Redactor | None = None,
    make_secret: MakeSecret | None = None,
    *,
    shared: bool = False,
    pod_secrets: PodSecrets | None = None,
) -> str:
    """Carry out a plan on the machines; return what `converge` returns."""
    return await converge(
        plan,
        machines.plan,
        machines.hosts,
        artifacts=local,
        external=EXTERNAL,
        redactor=redactor or Redactor(),
        emit=(events if events is not None else []).append,
        connect=machines.connect,
        make_secret=make_secret,
        shared=shared,
        pod_secrets=pod_secrets,
    )


@dataclass
class Machines:
    """All machines of a cluster. `log` is what happened, in order: `start NODE`, `serving NODE`, …

    `serving` and `journal` give other answers for a node; `ready` names nodes that become Ready when they
    are started (None: all), `taints` what they have then. `blocked` has the reasons why pods must not be
    evicted, by name, `replicas` how many pods a controller shall have. `sharing` are nodes that see
    shared artifacts.
    """

    plan: DesiredCluster
    serving: Mapping[str, Answer] = field(default_factory=dict)
    journal: Mapping[str, str] = field(default_factory=dict)
    ready: frozenset[str] | None = None
    taints: tuple[Taint, ...] = ()
    log: list[str] = field(default_factory=list)
    nodes: dict[str, ApiNode] = field(default_factory=dict)
    secrets: dict[str, SecretContent] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    conflicts: int = 0
    clock: int = 0
    silent: bool = False
    sharing: frozenset[str] = frozenset()
    hosts: dict[str, FakeHost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.plan.nodes:
            self.hosts[node.name] = FakeHost(node.name, self.answer)

    def answer(self, call: Run) -> Answer:
        """Play one command."""
        name, command = call.host, call.command
        if command.startswith("cat "):
            return self._file(name, shlex.split(command)[1])
        if command.startswith("shared="):
            act = command.rsplit(maxsplit=1)[-1]
            self.log.append(f"{act} {name}")
            return output(SHARED[act] if name in self.sharing else "")
        if command.startswith("journalctl"):
            return output(self.journal.get(name, ""))
        if "systemctl start --no-block" in command or "systemctl restart" in command:
            self._begin("restart" if "systemctl restart" in command else "start", name)
            return output(f"{self.clock}\n")
        if "systemctl enable" in command:
            self.log.append(f"enable {name}")
        elif command.startswith("timeout"):
            self.log.append(f"serving {name}")
            return self.serving.get(name, output())
        return output()

    def _begin(self, verb: str, name: str) -> None:
        self.log.append(f"{verb} {name}")
        if self.ready is None or name in self.ready:
            node = ApiNode(
                name, ready=True, version=self.plan.version, taints=self.taints, resource_version="1"
            )
            self.nodes[name] = replace(node, heartbeat=self.clock + 1)

    def _file(self, name: str, path: str) -> Answer:
        paths = self.plan.distro.paths
        texts = {
            paths.server_token: SERVER_TOKEN,
            paths.server_agent_token: AGENT_TOKEN,
            paths.agent_token: RAW_AGENT,
            paths.kubeconfig: KUBECONFIG,
        }
        server = self.plan.node(name).role == "server"
        return output(texts[path] + "\n") if server and path in texts else output(status=1)

    def connect(self, kubeconfig: str, endpoint: Endpoint) -> Api:
        assert kubeconfig == KUBECONFIG.rstrip("\n")
        self.log.append(f"connect {endpoint.url}")
        return FakeApi(self)


class FakeApi:
    """The API of such a cluster."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines

    async def ready(self) -> bool:
        return not self.machines.silent

    async def nodes(self) -> tuple[ApiNode, ...]:
        if self.machines.silent:
            raise ApiUnavailable("silent", code="KB0817")
        return tuple(self.machines.nodes.values())

    async def node(self, name: str) -> ApiNode | None:
        return {node.name: node for node in await self.nodes()}.get(name)

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> bool:
        if self.machines.conflicts:
            self.machines.conflicts -= 1
            return False
        node, meta = self.machines.nodes[name], patch["metadata"]
        labels = {k: v for k, v in {**node.labels, **meta.get("labels", {})}.items() if v is not None}
        notes = meta.get("annotations", {})
        self.machines.nodes[name] = replace(
            node,
            labels=labels,
            applied=notes.get("kbootstrap/applied", node.applied),
            leaving=notes.get("kbootstrap/leaving", node.leaving or None) is not None,
            unschedulable=bool(patch.get("spec", {}).get("unschedulable", False)),
        )
        self.machines.log.append(f"patch {name}")
        return True

    async def delete_node(self, name: str) -> None:
        self.machines.log.append(f"forget {name}")
        self.machines.nodes.pop(name, None)

    async def release_leases(self, node: str) -> None:
        self.machines.log.append(f"release leases {node}")

    async def delete_secret(self, name: str) -> None:
        self.machines.log.append(f"delete secret {name}")
        self.machines.secrets.pop(name, None)

    async def has_pods(self, label: str) -> bool:
        self.machines.log.append(f"look for pods {label}")
        return False

    async def delete_lease(self, name: str) -> None:
        self.machines.log.append(f"delete lease {name}")

    async def delete_config(self, name: str) -> None:
        self.machines.log.append(f"delete config {name}")

    async def pods(self, node: str | None = None) -> tuple[Pod, ...]:
        if self.machines.silent:
            raise ApiUnavailable("silent", code="KB0817")
        return tuple(pod for pod in self.machines.pods if node in (None, pod.node))

    async def replicas(self, owner: Owner) -> int | None:
        return None if owner.kind == "DaemonSet" else self.machines.replicas.get(owner.name, 1000)

    async def objects(self, path: str) -> Listing:
        raise AssertionError(f"no step lists {path}")

    async def evict(self, namespace: str, name: str) -> str:
        self.machines.log.append(f"evict {namespace}/{name}")
        if why := self.machines.blocked.get(name):
            return why
        self.machines.pods = [pod for pod in self.machines.pods if pod.name != name]
        return ""

    async def secret_mark(self, name: str) -> str | None:
        secret = self.machines.secrets.get(name)
        return secret.mark if secret else None

    async def put_secret(self, name: str, content: SecretContent) -> None:
        self.machines.log.append(f"secret {name}")
        self.machines.secrets[name] = content

    async def config(self, name: str) -> Mapping[str, str]:
        return self.machines.configs.get(name, {})

    async def put_config(self, name: str, changes: Mapping[str, str | None]) -> None:
        self.machines.log.append(f"config {name}")
        there = {**self.machines.configs.get(name, {}), **changes}
        self.machines.configs[name] = {key: value for key, value in there.items() if value is not None}

    async def delete_pods(self, label: str) -> None:
        self.machines.log.append(f"delete pods {label}")

    async def close(self) -> None:
        self.machines.log.append("close")
