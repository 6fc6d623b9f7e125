"""What controllers of Kubernetes do in a simulated fleet: conditions and finalizers of Nodes, and pods."""

from __future__ import annotations

from tests.fleet.etcd import Etcd
from tests.fleet.machines import Cluster, Node, Pod, layout

LINGERS = 40.0
"""Seconds for which a Node stays Ready after its kubelet fell silent."""
BEAT = 10.0
"""Seconds between two heartbeats of a kubelet."""


class Controllers(Etcd):
    """Nodes and pods."""

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
        cluster.secrets.pop(layout(self.kind).distro.password_secret(name), None)
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
