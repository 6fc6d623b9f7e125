"""What the operator of a simulated fleet wants: specs as data, and edits with the nodes that they concern."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

CLUSTER = "sim"
VERSIONS = ("v1.31.0+k3s1", "v1.32.0+k3s1", "v1.33.1+k3s1")
OTHERS = ("v1.31.0+rke2r1", "v1.32.1+rke2r1", "v1.33.1+rke2r1")
"""Of RKE2."""

_OUTSIDE = """\
    registries: {mirrors: {docker.io: {endpoints: ["http://10.9.0.1:5000"]}}}
    proxy: {url: "http://10.8.0.1:3128"}
"""


@dataclass(frozen=True)
class Pool:
    """One pool of a spec."""

    name: str
    nodes: int
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    at_once: int = 1
    most: int = 0
    """The largest number of nodes of an autoscaled pool, whose smallest is `nodes`; 0: no such pool."""
    former: tuple[str, ...] = ()

    @property
    def born(self) -> str:
        return self.former[0] if self.former else self.name

    def names(self) -> set[str]:
        return {f"{CLUSTER}-{self.born}-{n}" for n in range(1, self.nodes + 1)}

    def text(self) -> str:
        labels = ", ".join(f"{key}: {value}" for key, value in sorted(self.labels.items()))
        taints = ", ".join(f'"{taint}"' for taint in self.taints)
        former = f", renamed_from: [{', '.join(self.former)}]" if self.former else ""
        size = (
            f"autoscaling: {{min: {self.nodes}, max: {self.most}}}" if self.most else f"nodes: {self.nodes}"
        )
        return (
            f"      - {{name: {self.name}, {size}, labels: {{{labels}}}, taints: [{taints}], "
            f"max_unavailable: {self.at_once}{former}}}\n"
        )


@dataclass(frozen=True)
class Wish:
    """A whole spec."""

    servers: int = 3
    version: str = VERSIONS[0]
    pools: tuple[Pool, ...] = (Pool("web", 2),)
    disable: tuple[str, ...] = ("servicelb", "traefik")
    hardened: bool = False
    pod_cidr: str = "10.42.0.0/16"
    mirror: bool = False
    """Whether nodes use a mirror, and a proxy for everything else."""
    maintenance: str = ""
    """What the spec says about it, in YAML."""

    @property
    def distribution(self) -> str:
        return "k3s" if self.version in VERSIONS else "rke2"

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that the cluster may change to."""
        return VERSIONS if self.version in VERSIONS else OTHERS

    def text(self) -> str:
        profile = ", profile: cis" if self.hardened else ""
        return (
            "apiVersion: kbootstrap/v1alpha1\n"
            "name: fleet\n"
            "clusters:\n"
            f"  {CLUSTER}:\n"
            "    provider: {local: {}}\n"
            f"    kubernetes: {{distribution: {self.distribution}, version: {self.version}, "
            f"secrets_encryption: true, pod_cidr: {self.pod_cidr}, "
            f"disable: [{', '.join(self.disable)}]{profile}}}\n"
            "    network: {cidr: 10.9.0.0/16, control_plane: 10.9.0.0/24, agents: 10.9.4.0/22}\n"
            f"    control_plane: {{nodes: {self.servers}}}\n"
            f"{_OUTSIDE if self.mirror else ''}"
            + (f"    maintenance: {self.maintenance}\n" if self.maintenance else "")
            + f"    pools:{'' if self.pools else ' []'}\n"
            + "".join(pool.text() for pool in self.pools)
        )

    def server_names(self) -> set[str]:
        return {f"{CLUSTER}-control-plane-{n}" for n in range(1, self.servers + 1)}

    def agent_names(self) -> set[str]:
        return {name for pool in self.pools for name in pool.names()}

    def names(self) -> set[str]:
        return self.server_names() | self.agent_names()

    def watched(self, later: Wish, without: Collection[str] = ()) -> dict[str, tuple[int, tuple[str, ...]]]:
        """Return the agents that stay when this becomes `later`, and how many of a pool may be away."""
        kept = later.agent_names() - {*without}
        return {
            pool.name: (pool.at_once, tuple(sorted(pool.names() & kept)))
            for pool in self.pools
            if pool.names() & kept
        }

    def with_pool(self, changed: Pool) -> Wish:
        return replace(self, pools=tuple(changed if p.name == changed.name else p for p in self.pools))
