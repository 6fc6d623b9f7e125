"""A simulated fleet: what k3s, etcd and systemd do with what kbootstrap does, and what must never happen.

Rules of k3s from its source (v1.32): `pkg/etcd/etcd.go` (`Register`, `Start`, `join`, `manageLearners`),
`pkg/daemons/executor/etcd.go` (a member that was removed leaves a tombstone, and joins or founds anew when it
is started again), `pkg/cluster/bootstrap.go`; node passwords as in `pkg/nodepassword`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from tests.fleet.machines import (
    DATA,
    K3S,
    NAME,
    PASSWORD,
    PATHS,
    SERVER_CA,
    TOMBSTONE,
    WAL,
    Cluster,
    Machine,
    Member,
    Node,
    Pod,
    Process,
)

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
users: [{name: default, user: {client-certificate-data: Y2VydA==, client-key-data: c2VjcmV0IGtleQ==}}]
"""
LINGERS, CONDITION, AGAIN = 40.0, 15.0, 5.0
"""Seconds: a Node stays Ready after its kubelet fell silent; k3s looks who is a voter; systemd waits before
it starts a service again."""
BEAT = 10.0
REFUSES = 30.0
"""Seconds in which a server that has just started serves its API and refuses snapshots."""


class Broken(AssertionError):
    """Something happened that must never happen."""


@dataclass
class World:
    """Everything that outlives a run. Plain data: it can be copied with pickle.

    `endpoint` are the addresses of servers behind the registration address. `touched` says who was changed,
    and by what. `watched` has, by pool, how many of these agents may be away at the same time.
    """

    now: float = 0.0
    machines: dict[str, Machine] = field(default_factory=dict)
    clusters: list[Cluster] = field(default_factory=list)
    state: dict[str, dict[str, str]] = field(default_factory=dict)
    endpoint: list[str] = field(default_factory=list)
    touched: list[tuple[str, str]] = field(default_factory=list)
    watched: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    counter: int = 0
    bumpy: float = 0.0
    queue: list[tuple[float, int, str, str, int]] = field(default_factory=list)

    # Time

    def later(self, seconds: float, what: str, name: str, number: int = 0) -> None:
        self.counter += 1
        heapq.heappush(self.queue, (self.now + seconds, self.counter, what, name, number))

    def advance(self, now: float) -> None:
        """Let everything happen that happens until `now`."""
        while self.queue and self.queue[0][0] <= now:
            self.now, _, what, name, number = heapq.heappop(self.queue)
            getattr(self, what)(name, number)
            self.verify()
        self.now = now

    # Invariants

    def verify(self) -> None:
        """Raise `Broken` where an invariant does not hold."""
        if len(self.clusters) > 1:
            raise Broken("a second cluster was founded")
        for cluster in self.clusters:
            if len(cluster.voters) > 1 and not self.quorum(cluster):
                well = [m.node for m in cluster.voters if self._healthy(m)]
                raise Broken(f"etcd has {len(cluster.voters)} voters, and only {well} are well")
        for pool, (limit, names) in self.watched.items():
            away = [name for name in names if self.away(name)]
            if len(away) > limit:
                raise Broken(f"{away} are away at the same time, and {limit} of pool {pool} may be")

    def away(self, name: str) -> bool:
        """Return whether a node does not serve: it starts, has no machine, or is not in the cluster."""
        machine, cluster = self.machines.get(name), self.cluster
        process = machine.alive if machine else None
        there = cluster is not None and name in cluster.nodes
        return not (there and process and process.registered and self.now >= process.ready_at)

    # etcd

    def _healthy(self, member: Member) -> bool:
        machine = self.machines.get(member.node)
        process = machine.alive if machine else None
        return bool(machine and process and process.etcd and machine.text(WAL) == member.id)

    def quorum(self, cluster: Cluster) -> bool:
        voters = cluster.voters
        return sum(map(self._healthy, voters)) >= len(voters) // 2 + 1

    @property
    def cluster(self) -> Cluster | None:
        return self.clusters[0] if self.clusters else None

    def answering(self) -> Cluster | None:
        """Return the cluster whose API answers at the endpoint now."""
        cluster = self.cluster
        if cluster is None or self.now < self.bumpy or not self.quorum(cluster):
            return None
        behind = [m for m in self.machines.values() if m.address in self.endpoint]
        return cluster if any(m.alive and m.alive.serving for m in behind) else None

    def remove_member(self, cluster: Cluster, node: str) -> None:
        for member in [m for m in cluster.members.values() if m.node == node]:
            del cluster.members[member.id]
            machine = self.machines.get(node)
            if machine and machine.alive and machine.text(WAL) == member.id:
                self._removed(machine, machine.alive)

    @staticmethod
    def _removed(machine: Machine, process: Process) -> None:
        machine.put(TOMBSTONE, "")
        process.stage, process.etcd, process.serving = "removed", False, False

    # systemd

    def start(self, machine: Machine, unit: str) -> None:
        if machine.process and machine.process.stage != "failed":
            return
        if f"/etc/systemd/system/{unit}" not in machine.files:
            raise Broken(f"{unit} is started on {machine.name} and does not exist")
        self.counter += 1
        machine.process = Process(unit, self.counter, machine.version(), self.now)
        self.later(1, "server" if unit == K3S.unit("server") else "agent", machine.name, self.counter)

    def stop(self, machine: Machine) -> None:
        process, machine.process = machine.process, None
        if process:
            self._last_beat(machine, process)
            if process.serving:
                self.bumpy = self.now + 1

    def _last_beat(self, machine: Machine, process: Process) -> None:
        node = self.cluster.nodes.get(machine.name) if self.cluster else None
        if node and process.registered and node.instance == machine.instance:
            self.refresh(node)

    def fail(self, machine: Machine, process: Process, why: str) -> None:
        """The service ends; systemd starts it again unless it was told not to."""
        machine.journal += f"{why}\n"
        process.stage, process.etcd, process.serving, process.registered = "failed", False, False, False
        machine.restarts += 1
        self.later(AGAIN, "again", machine.name, process.number)

    def again(self, name: str, number: int) -> None:
        machine = self.machines.get(name)
        if machine and machine.process and machine.process.number == number and machine.up:
            if machine.has(f"/run/systemd/system/{machine.process.unit}.d"):
                machine.process = None
            else:
                self.start(machine, machine.process.unit)

    def boot(self, machine: Machine) -> None:
        """The machine starts: what is enabled starts with it."""
        machine.up, machine.answers, machine.booted, machine.process = True, True, self.now, None
        machine.run.clear()
        for unit in sorted(machine.enabled):
            self.start(machine, unit)

    def halt(self, machine: Machine, *, running: bool) -> None:
        """The machine falls silent; `running` is whether its processes live on, unreachable."""
        if machine.process:
            self._last_beat(machine, machine.process)
        machine.answers = False
        if not running:
            machine.up, machine.process = False, None

    def destroy(self, name: str) -> None:
        machine = self.machines.pop(name)
        if machine.process:
            self._last_beat(machine, machine.process)

    # k3s

    def _mine(self, name: str, number: int) -> tuple[Machine, Process] | None:
        machine = self.machines.get(name)
        process = machine.alive if machine else None
        return (machine, process) if machine and process and process.number == number else None

    def server(self, name: str, number: int) -> None:
        """One moment in the life of a server that starts."""
        found = self._mine(name, number)
        if found:
            wait = getattr(self, f"_{found[1].stage}")(*found)
            if wait:
                self.later(wait, "server", name, number)

    def _boot(self, machine: Machine, process: Process) -> float:
        if machine.has(TOMBSTONE):
            machine.remove(PATHS.etcd)
        if not machine.has(NAME):
            machine.put(NAME, f"{machine.name}-{process.number}")
        if machine.has(WAL):
            process.stage = "etcd"
        elif machine.config("cluster-init"):
            process.stage = "found"
        else:
            process.stage = "bootstrap"
        return 1

    def _found(self, machine: Machine, process: Process) -> float:
        if not machine.has(SERVER_CA):
            self.counter += 1
            self._identity(
                machine, f"ca {self.counter}", machine.text(PATHS.token), machine.text(PATHS.agent_token)
            )
            return 1
        cluster = Cluster(machine.text(SERVER_CA))
        self.clusters.append(cluster)
        self._add(cluster, machine, voter=True)
        process.etcd, process.stage = True, "serve"
        return 3

    @staticmethod
    def _identity(machine: Machine, ca: str, server: str, agent: str) -> None:
        machine.put(SERVER_CA, ca)
        begin = f"K10{Cluster(ca).hash}"
        machine.put(PATHS.server_token, f"{begin}::server:{server.rpartition(':')[2]}\n")
        machine.put(PATHS.server_agent_token, f"{begin}::node:{agent.rpartition(':')[2]}\n")

    def _add(self, cluster: Cluster, machine: Machine, *, voter: bool) -> None:
        self.counter += 1
        member = Member(f"{machine.text(NAME)}/{self.counter}", machine.name, voter)
        cluster.members[member.id] = member
        machine.put(WAL, member.id)
        self.later(CONDITION - self.now % CONDITION, "condition", machine.name)

    def _reachable(self, machine: Machine) -> Cluster | None:
        """Return the cluster that the machine's token opens, where its API answers."""
        cluster = self.answering()
        token = machine.text(PATHS.token)
        if cluster and not token.startswith(f"K10{cluster.hash}::"):
            machine.journal += "token CA hash does not match\n"
            return None
        return cluster

    def _bootstrap(self, machine: Machine, process: Process) -> float:
        cluster = self._reachable(machine)
        if cluster is None:
            self.fail(machine, process, "failed to get CA certs")
            return 0
        self._identity(machine, cluster.ca, machine.text(PATHS.token), machine.text(PATHS.agent_token))
        process.stage = "join"
        return 1

    def _join(self, machine: Machine, process: Process) -> float:
        cluster = self.answering()
        if cluster is None or not all(m.voter for m in cluster.members.values()):
            return 1
        if any(m.node == machine.name for m in cluster.members.values()):
            machine.remove(NAME)
            self.fail(machine, process, "duplicate node name found, please use a unique name for this node")
            return 0
        self._add(cluster, machine, voter=False)
        process.etcd, process.stage = True, "learn"
        return 3

    def _learn(self, machine: Machine, process: Process) -> float:
        cluster = self.cluster
        if cluster is None or not self.quorum(cluster):
            return 1
        cluster.members[machine.text(WAL)].voter = True
        self.later(CONDITION - self.now % CONDITION, "condition", machine.name)
        process.stage = "serve"
        return 2

    def _etcd(self, machine: Machine, process: Process) -> float:
        member = self.cluster.members.get(machine.text(WAL)) if self.cluster else None
        if member is None:
            self._removed(machine, process)
            return 0
        process.etcd, process.stage = True, "serve" if member.voter else "learn"
        return 2

    def _serve(self, machine: Machine, process: Process) -> float:
        if self.cluster is None or not self.quorum(self.cluster):
            return 1
        process.serving, process.stage = True, "node"
        process.served_at = self.now
        machine.put(PATHS.kubeconfig, KUBECONFIG)
        return 1

    def _node(self, machine: Machine, process: Process) -> float:
        cluster = self.answering()
        if cluster is None:
            return 1
        if not self._register(cluster, machine, process):
            return AGAIN
        process.stage = "up"
        return 0

    def agent(self, name: str, number: int) -> None:
        """One moment in the life of an agent that starts."""
        found = self._mine(name, number)
        if found:
            cluster = self._reachable(found[0])
            if cluster is None or not self._register(cluster, *found):
                self.later(2, "agent", name, number)
            else:
                found[1].stage = "up"

    def _register(self, cluster: Cluster, machine: Machine, process: Process) -> bool:
        if not machine.has(PASSWORD):
            self.counter += 1
            machine.put(PASSWORD, f"{self.counter}")
        secret = f"{machine.name}.node-password.k3s"
        if cluster.secrets.setdefault(secret, machine.text(PASSWORD)) != machine.text(PASSWORD):
            machine.journal += "Node password rejected, duplicate hostname\n"
            return False
        node = cluster.nodes.get(machine.name)
        if node and node.deleting:
            return False
        if node is None:
            labels = dict(label.split("=", 1) for label in machine.listed("node-label"))
            node = Node(
                machine.name, machine.instance, labels, list(map(_taint, machine.listed("node-taint")))
            )
            cluster.nodes[machine.name] = node
        node.instance, node.version, node.beat = machine.instance, process.version, self.now
        process.registered, process.beat, process.ready_at = True, self.now, self.now + 2
        node.ready = False  # until it has seen its container runtime
        node.revision += 1
        self.later(2, "nodes_changed", machine.name)
        if process.unit == K3S.unit("server"):
            self.later(CONDITION - self.now % CONDITION, "condition", machine.name)
        return True

    # Kubernetes

    def refresh(self, node: Node) -> None:
        """Bring the conditions of a Node to what they are now."""
        machine = self.machines.get(node.name)
        process = machine.alive if machine else None
        if machine and process and process.registered and machine.instance == node.instance:
            beats = (self.now - process.beat) // BEAT * BEAT
            node.beat = max(node.beat, process.beat + beats)
            if self.now >= process.ready_at:
                node.ready, node.beat = True, max(node.beat, process.ready_at)
        elif self.now - node.beat > LINGERS:
            node.ready = False

    def condition(self, name: str, _number: int) -> None:
        cluster = self.cluster
        if cluster and (node := cluster.nodes.get(name)):
            node.voter = any(m.node == name and m.voter for m in cluster.members.values())
            node.revision += 1

    def nodes_changed(self, _name: str, _number: int) -> None:
        self.schedule()

    def delete_node(self, cluster: Cluster, name: str) -> None:
        cluster.nodes[name].deleting = True
        self.later(1, "gone", name)

    def gone(self, name: str, _number: int) -> None:
        """The finalizers of a Node: member and password go first, and a majority must agree."""
        cluster = self.cluster
        if cluster is None or name not in cluster.nodes:
            return
        if not self.quorum(cluster):
            self.later(1, "gone", name)
            return
        self.remove_member(cluster, name)
        del cluster.nodes[name]
        cluster.secrets.pop(f"{name}.node-password.k3s", None)
        for pod in [pod for pod in cluster.pods.values() if pod.node == name]:
            del cluster.pods[pod.name]
            if not pod.daemon:
                self.make_pod(cluster, pod.owner)
        self.schedule()

    def make_pod(self, cluster: Cluster, owner: str) -> None:
        self.counter += 1
        cluster.pods[f"{owner}-{self.counter}"] = Pod(f"{owner}-{self.counter}", owner, "", 0)

    def schedule(self) -> None:
        """Place pods that have no node."""
        cluster = self.cluster
        if cluster is None or not self.quorum(cluster):
            return
        for node in cluster.nodes.values():
            self.refresh(node)
        room = [
            n
            for n in cluster.nodes.values()
            if n.ready and not n.unschedulable and not n.deleting and not n.taints
        ]
        for pod in cluster.pods.values():
            if not pod.node and room:
                used = {n.name: sum(1 for p in cluster.pods.values() if p.node == n.name) for n in room}
                pod.node, pod.ready_at = min(used, key=lambda name: used[name]), self.now + 2
        for node in cluster.nodes.values():
            name = f"log-{node.name}"
            if node.ready and name not in cluster.pods:
                cluster.pods[name] = Pod(name, "log", node.name, self.now + 1, daemon=True)

    def pod_ready(self, cluster: Cluster, pod: Pod) -> bool:
        node = cluster.nodes.get(pod.node)
        return bool(node and node.ready and self.now >= pod.ready_at)


def _taint(text: str) -> dict[str, str]:
    left, _, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


SWEPT = (DATA, PASSWORD, "/var/lib/kbootstrap", "/etc/rancher", "/run/kbootstrap", PATHS.binary)
"""What the uninstaller removes, besides what the stamp names."""
