"""Code that k3s and RKE2 share: they read the same keys, from files of the same format."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal

from kbootstrap.distros.additions import Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.model import NodeFile, Paths, Role
from kbootstrap.distros.requirements import CgroupController, KernelModule, UsableFolder
from kbootstrap.distros.yaml_files import HEADER, Value, dump
from kbootstrap.spec.model import Cluster, Node, Snapshots

STAMP = "/var/lib/kbootstrap/stamp"
SHARED = "/usr/local/lib/kbootstrap/shared"
"""Where nodes of one machine have the artifacts that are unpacked for all of them (`SharedArtifacts`)."""
CGROUPS = tuple(map(CgroupController, ("cpu", "cpuset", "memory")))
"""Controllers that the agent requires (k3s source, `pkg/cgroups/cgroups_linux.go`, also part of RKE2)."""
KUBELET = ("read-only-port=0",)
"""Arguments of every kubelet. k3s 1.32 before 1.32.4 passes the settings in a file, from which a port of 0
is omitted; the kubelet then serves port 10255 without authentication (CVE-2025-46599). RKE2 has the same
code."""
_SELF_LABELS = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Label prefixes of kubernetes.io that a kubelet may set on its own node (Kubernetes: "NodeRestriction")."""


def paths(name: str, binary: str) -> Paths:
    """Return the paths of a distribution; both use the same layout under their own names."""
    etc, data = f"/etc/rancher/{name}", f"/var/lib/rancher/{name}"
    server, drop_ins = f"{data}/server", f"{etc}/config.yaml.d"
    return Paths(
        data=data,
        server=server,
        etc=etc,
        drop_ins=drop_ins,
        config=f"{etc}/config.yaml",
        join=f"{drop_ins}/50-kbootstrap-join.yaml",
        token=f"{etc}/kbootstrap-token",
        agent_token=f"{etc}/kbootstrap-agent-token",
        server_token=f"{server}/token",
        server_agent_token=f"{server}/agent-token",
        etcd=f"{server}/db/etcd",
        kubeconfig=f"{etc}/{name}.yaml",
        binary=binary,
        images=f"{data}/agent/images",
        manifests=f"{server}/manifests",
        stamp=STAMP,
        snapshots=f"{server}/db/snapshots",
        s3=f"{drop_ins}/60-kbootstrap-s3.yaml",
        s3_ca=f"{etc}/kbootstrap-s3-ca.pem",
        run="/run/k3s",  # also of RKE2 (its `rke2-killall.sh`)
    )


def audit_sources(
    paths: Paths, arguments: Literal["journal", "processes"], *, pods: str = ""
) -> AuditSources:
    """Return where audits look; both use the same layout. See `AuditSources`."""
    return AuditSources(
        arguments=arguments,
        pods=pods,
        settings=paths.drop_ins,
        places={
            "data": paths.data,
            "server": paths.server,
            "etcd": paths.etcd,
            "kubelet_config": f"{paths.data}/agent/etc/kubelet.conf.d/*.conf",
            "pods": pods,
        },
    )


def node_values(paths: Paths, node: Node) -> dict[str, Value]:
    """Return the keys of every node, server or agent."""
    values: dict[str, Value] = {"node-name": node.name, "token-file": paths.token}
    address = node_ip(node)
    if address:
        values["node-ip"] = address
    return values


def server_values(paths: Paths, cluster: Cluster, tls_san: tuple[str, ...]) -> dict[str, Value]:
    """Return the additional keys of servers. They are the same on all servers, as required."""
    return {
        "agent-token-file": paths.agent_token,
        "cluster-cidr": str(cluster.kubernetes.pod_cidr),
        "service-cidr": str(cluster.kubernetes.service_cidr),
        "tls-san": sorted(dict.fromkeys(tls_san)),
        "write-kubeconfig-mode": "0600",
        **(snapshot_values(paths, cluster.snapshots) if cluster.snapshots else {}),
    }


def snapshot_values(paths: Paths, snapshots: Snapshots) -> dict[str, Value]:
    """Return the keys for etcd snapshots, without credentials, which are in a separate file.

    For endpoints outside AWS, path style is the default (k3s source, `pkg/etcd/s3/s3.go`), so no key sets it.
    """
    values: dict[str, Value] = {
        "etcd-snapshot-schedule-cron": snapshots.schedule,
        "etcd-snapshot-retention": snapshots.retention,
    }
    if s3 := snapshots.s3:
        values |= {
            "etcd-s3": True,
            "etcd-s3-endpoint": s3.endpoint,
            "etcd-s3-bucket": s3.bucket,
            "etcd-s3-region": s3.region,
        }
        values |= {"etcd-s3-folder": s3.folder} if s3.folder else {}
        values |= {"etcd-s3-insecure": True} if s3.insecure else {}
        values |= {"etcd-s3-endpoint-ca": paths.s3_ca} if s3.ca else {}
    return values


def modules() -> tuple[KernelModule, ...]:
    """Return the kernel modules that every pod network needs (k3s source, `pkg/agent/syssetup`)."""
    return (
        KernelModule("overlay", "the layers of images"),
        KernelModule("nf_conntrack", "Services: rules that follow connections"),
        KernelModule("br_netfilter", "Services between pods of one node", vital=False),
    )


def folders(program: str) -> tuple[UsableFolder, ...]:
    """Return the folders to which files are written and from which programs are started."""
    return (
        UsableFolder("/var/lib/rancher", ("ro", "noexec"), "programs and containers are started from it"),
        UsableFolder(program, ("ro", "noexec"), "the program is written to it, and started from it"),
        UsableFolder("/etc/systemd/system", ("ro",), "the unit is written to it"),
    )


def node_ip(node: Node) -> str | None:
    """Return the node's address if it is an IP address and not a host name."""
    try:
        return str(ipaddress.ip_address(str(node.address)))
    except ValueError:
        return None


def may_register(label: str) -> bool:
    """Return whether a node may set this label at registration; other labels are set through the API."""
    namespace = label.rpartition("/")[0]
    reserved = namespace.endswith(("kubernetes.io", "k8s.io"))
    return not reserved or any(namespace == n or namespace.endswith(f".{n}") for n in _SELF_LABELS)


def node_file(paths: Paths, node: Node) -> NodeFile:
    """Return the drop-in with labels and taints. It is read only at registration, so it needs no restart."""
    labels: Mapping[str, str] = node.labels
    content = dump(
        {
            "node-label": [f"{key}={labels[key]}" for key in sorted(labels) if may_register(key)],
            "node-taint": sorted(str(taint) for taint in node.taints),
        },
        note="Read when the node registers; kbootstrap keeps labels and taints up to date through the API.",
    )
    return NodeFile(f"{paths.drop_ins}/20-kbootstrap-node.yaml", content, 0o600, restart=False)


def network_file(paths: Paths, values: Mapping[str, Value]) -> NodeFile:
    """Return the drop-in about the interface of the pods' network, which the service looks up at startup."""
    note = "The network of the pods uses the interface that has the node's address."
    return NodeFile(f"{paths.drop_ins}/30-kbootstrap-network.yaml", dump(values, note=note), 0o600)


def manifest_files(paths: Paths, additions: Additions) -> list[NodeFile]:
    """Return the manifests of a server, which watches them for changes."""
    return [
        NodeFile(f"{paths.manifests}/{name}", f"{HEADER}{text}", 0o600, restart=False)
        for name, text in sorted(additions.manifests.items())
    ]


def join_file(paths: Paths, values: Mapping[str, Value], note: str) -> NodeFile:
    """Return the join drop-in. It is used only until the node has joined, so it needs no restart."""
    return NodeFile(paths.join, dump(values, note=note), 0o600, restart=False)


def unit_text(
    *,
    description: str,
    documentation: str,
    role: Role,
    program: str,
    before: tuple[str, ...],
    more: tuple[str, ...] = (),
) -> str:
    """Return a systemd unit whose only argument is the role; everything else is in the configuration.

    `before` are commands that may fail; `more` are further lines of the service.

    A server reports `READY=1` once it is a voting member of etcd and its API server responds on `/readyz`
    (k3s source, `pkg/cli/server/server.go`, `pkg/etcd/etcd.go` `Test`), hence `Type=notify`. An agent counts
    as started when its process runs; it retries indefinitely. Containers keep running when the service stops
    (`KillMode=process`); the service manages their cgroups itself (`Delegate`).
    """
    lines = "".join(f"{line}\n" for line in (*(f"ExecStartPre=-{command}" for command in before), *more))
    return (
        f"{HEADER}"
        "[Unit]\n"
        f"Description={description}\n"
        f"Documentation={documentation}\n"
        "Wants=network-online.target\n"
        "After=network-online.target\n"
        "\n"
        "[Service]\n"
        f"Type={'notify' if role == 'server' else 'exec'}\n"
        "EnvironmentFile=-/etc/default/%N\n"
        f"{lines}"
        f"ExecStart={program} {role}\n"
        "KillMode=process\n"
        "Delegate=yes\n"
        "LimitNOFILE=1048576\n"
        "LimitNPROC=infinity\n"
        "LimitCORE=infinity\n"
        "TasksMax=infinity\n"
        "TimeoutStartSec=0\n"
        "Restart=always\n"
        "RestartSec=5s\n"
        "\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
    )
