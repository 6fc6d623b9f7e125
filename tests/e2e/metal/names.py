"""The machines of this folder: their names, the spec of a cluster on them, and what it leaves on them."""

from __future__ import annotations

from kbootstrap.kubeconfig.paths import entry_name
from tests.e2e.firewall import Rule, lost
from tests.e2e.lab import Lab
from tests.e2e.machines import Metal

NAME = "kbe2emetal"
CONTEXT = entry_name("e2emetal", "metal")
"""kubectl is never switched to a production cluster."""
POOL = "[{{name: workers, labels: {{tier: work}}, hosts: [{}]}}]"
HOSTS = {"cp-1": 11, "cp-2": 12, "cp-3": 13, "w-1": 21, "w-2": 22}
FIRST = ("cp-1", "w-1")
"""The hosts of the first cluster."""
SERVER, AGENT = (f"{NAME}-{name}" for name in FIRST)
PODS = "-p udp --dport 8472"
"""Packets of the network of the pods, for a rule of a firewall."""
TRACES = """\
cd /etc/rancher && ls -d node k3s/*.yaml k3s/kbootstrap-* k3s/config.yaml.d/*-kbootstrap-[nj]* 2>/dev/null
ls -d /var/lib/rancher/k3s /var/lib/kubelet /var/lib/cni /var/lib/kbootstrap /run/k3s /run/flannel \
    /run/kbootstrap/[!r]* /run/kbootstrap/restart /usr/local/bin/k3s \
    /etc/systemd/system/k3s*.service 2>/dev/null
grep -lsE '^(k3s|containerd)' /proc/[0-9]*/comm | sed 's/^/process /'
awk '$5 ~ /kubelet|k3s|cni-/ { print "mount", $5 }' /proc/self/mountinfo
ls /sys/class/net | grep -E '^(cni|flannel|veth)' | sed 's/^/interface /'
for kind in iptables ip6tables; do $kind-save 2>/dev/null | grep -E 'KUBE-|CNI-|FLANNEL-|flanneld'; done
ls /run/netns 2>/dev/null | sed 's/^/netns /'
true
"""
"""Prints what Kubernetes has left on a machine; nothing on one that is clean.

These machines have a file of their own in /run/kbootstrap, `resolv.conf`: their image is that of `local`.
"""


def no_pods(metal: Metal) -> Rule:
    """Return the rule of the agent's firewall that loses what pods send to it."""
    return lost(f"-d {metal.address(HOSTS['w-1'])} {PODS}")


def spec_of(metal: Metal, *names: str) -> str:
    """Return the spec of a cluster on these machines."""
    more = {"w-1": ", labels: {disk: nvme}"}
    hosts = {
        name: f"{{name: {name}, address: {metal.address(HOSTS[name])}{more.get(name, '')}}}" for name in names
    }
    agents = ", ".join(text for name, text in hosts.items() if name.startswith("w"))
    return metal.spec(
        "e2emetal",
        "metal",
        servers=", ".join(text for name, text in hosts.items() if name.startswith("cp")),
        pools=POOL.format(agents) if agents else "[]",
    )


def traces(metal: Metal, *names: str) -> list[str]:
    return [metal.on(f"{metal.name}-{name}", TRACES) for name in names]


def nodes(lab: Lab) -> set[str]:
    """Return the Ready nodes of the cluster, whatever kubectl's current context is."""
    lab.kubectl("config", "use-context", CONTEXT)
    return lab.ready_nodes()
