"""k3s and RKE2 in a simulated fleet: how a server or an agent starts, one stage after the other.

RKE2 is k3s here, with one difference: its control plane goes on when the service stops, until it is halted or
the next process has taken over.

Rules of k3s from its source (v1.32): `pkg/etcd/etcd.go` (`Register`, `Start`, `join`, `manageLearners`),
`pkg/daemons/executor/etcd.go` (a removed member leaves a tombstone; when it is started again, it joins, or
founds a new cluster), `pkg/cluster/bootstrap.go`; node passwords as in `pkg/nodepassword`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.fleet.artifacts import lacks_images, load_at_start
from tests.fleet.machines import PASSWORD, Cluster, Machine, Member, Node, Process
from tests.fleet.systemd import AGAIN, Systemd
from tests.fleet.timeline import Broken

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
users: [{name: default, user: {client-certificate-data: Y2VydA==, client-key-data: c2VjcmV0IGtleQ==}}]
"""
CONDITION = 15.0
"""Seconds after which k3s looks again which members of etcd are voters."""


class Services(Systemd):
    """Servers and agents."""

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
        if machine.has(machine.layout.tombstone):
            machine.remove(machine.paths.etcd)
        if not machine.has(machine.layout.name):
            machine.pods = None  # a server that joins ends what it left
            machine.put(machine.layout.name, f"{machine.name}-{process.number}")
        if machine.has(machine.layout.wal):
            process.stage = "etcd"
        elif machine.config("cluster-init") or (machine.kind == "rke2" and not machine.config("server")):
            process.stage = "found"
        else:
            process.stage = "bootstrap"
        return 1

    def _found(self, machine: Machine, process: Process) -> float:
        if not machine.has(machine.layout.ca):
            self.counter += 1
            self._identity(
                machine,
                f"ca {self.counter}",
                machine.text(machine.paths.token),
                machine.text(machine.paths.agent_token),
            )
            return 1
        cluster = Cluster(machine.text(machine.layout.ca))
        self.clusters.append(cluster)
        self._add(cluster, machine, voter=True)
        process.etcd, process.stage = True, "serve"
        return 3

    @staticmethod
    def _identity(machine: Machine, ca: str, server: str, agent: str) -> None:
        machine.put(machine.layout.ca, ca)
        begin = f"K10{Cluster(ca).hash}"
        machine.put(machine.paths.server_token, f"{begin}::server:{server.rpartition(':')[2]}\n")
        machine.put(machine.paths.server_agent_token, f"{begin}::node:{agent.rpartition(':')[2]}\n")

    def _add(self, cluster: Cluster, machine: Machine, *, voter: bool) -> None:
        self.counter += 1
        member = Member(f"{machine.text(machine.layout.name)}/{self.counter}", machine.name, voter)
        cluster.members[member.id] = member
        machine.put(machine.layout.wal, member.id)
        self.later(CONDITION - self.now % CONDITION, "condition", machine.name)

    def _reachable(self, machine: Machine) -> Cluster | None:
        """Return the cluster that the machine's token opens, where its API answers at the URL to join."""
        cluster = self.answering(urlsplit(machine.config("server")).hostname or "")
        token = machine.text(machine.paths.token)
        if cluster and not token.startswith(f"K10{cluster.hash}::"):
            machine.journal += "token CA hash does not match\n"
            return None
        return cluster

    def _bootstrap(self, machine: Machine, process: Process) -> float:
        cluster = self._reachable(machine)
        if cluster is None:
            self.fail(machine, process, "failed to get CA certs")
            return 0
        self._identity(
            machine, cluster.ca, machine.text(machine.paths.token), machine.text(machine.paths.agent_token)
        )
        process.stage = "join"
        return 1

    def _join(self, machine: Machine, process: Process) -> float:
        cluster = self.answering(urlsplit(machine.config("server")).hostname or "")
        if cluster is None or not all(m.voter for m in cluster.members.values()):
            return 1
        if any(m.node == machine.name for m in cluster.members.values()):
            machine.remove(machine.layout.name)
            self.fail(machine, process, "duplicate node name found, please use a unique name for this node")
            return 0
        self._add(cluster, machine, voter=False)
        process.etcd, process.stage = True, "learn"
        return 3

    def _learn(self, machine: Machine, process: Process) -> float:
        cluster = self.cluster
        if cluster is None or not self.quorum(cluster):
            return 1
        cluster.members[machine.text(machine.layout.wal)].voter = True
        self.later(CONDITION - self.now % CONDITION, "condition", machine.name)
        process.stage = "serve"
        return 2

    def _etcd(self, machine: Machine, process: Process) -> float:
        member = self.cluster.members.get(machine.text(machine.layout.wal)) if self.cluster else None
        if member is None:
            self._removed(machine, process)
            return 0
        process.etcd, process.stage = True, "serve" if member.voter else "learn"
        process.serving = bool(machine.pods and machine.pods.serving)  # it took over what still served
        machine.pods = None
        return 2

    def _serve(self, machine: Machine, process: Process) -> float:
        if self.cluster is None or not self.quorum(self.cluster):
            return 1
        process.serving, process.stage = True, "node"
        process.served_at = self.now
        machine.put(machine.paths.kubeconfig, KUBECONFIG)
        return 1

    def _node(self, machine: Machine, process: Process) -> float:
        cluster = self.answering(machine.address)
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
        load_at_start(machine)
        if lacks_images(machine, process.version):
            raise Broken(f"{machine.name} runs {process.version} without its images")
        if not machine.has(PASSWORD):
            self.counter += 1
            machine.put(PASSWORD, f"{self.counter}")
        secret = machine.layout.distro.password_secret(machine.name)
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
        if process.unit == machine.layout.distro.unit("server"):
            self.later(CONDITION - self.now % CONDITION, "condition", machine.name)
        return True


def _taint(text: str) -> dict[str, str]:
    left, _, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}
