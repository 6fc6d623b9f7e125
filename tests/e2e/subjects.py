"""The distributions that the same tests go through: their versions, and where they differ for a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.e2e.rke2.release import chosen
from tests.e2e.specs import WITHOUT, local_spec


@dataclass(frozen=True, slots=True)
class Subject:
    """A distribution in two versions. `mirror` is a folder with them; empty where kbootstrap finds them."""

    distribution: str
    old: str
    new: str
    server: str
    agent: str
    """The services."""
    without: str
    """What its clusters leave out, as a list in YAML."""
    mirror: str = ""
    cni: str = ""
    """The pod network where the spec names one."""

    def spec(
        self,
        cluster: str,
        *,
        pools: str,
        version: str = "",
        servers: int = 1,
        encrypted: bool = True,
        more: str = "",
    ) -> str:
        """Return the spec of a `local` cluster, of the newer version unless another one is named."""
        return local_spec(
            cluster,
            distribution=self.distribution,
            version=version or self.new,
            mirror=self.mirror,
            cni=self.cni,
            encrypted=encrypted,
            servers=f"nodes: {servers}",
            without=self.without,
            pools=pools,
            more=more,
        )


K3S = Subject(
    "k3s", "v1.31.0+k3s1", "v1.32.0+k3s1", server="k3s.service", agent="k3s-agent.service", without=WITHOUT
)


@cache
def subject(distribution: str) -> Subject:
    """Return a distribution by its name. The stand-in for RKE2 (`rke2/release.py`) is built here."""
    if distribution == "k3s":
        return K3S
    release = chosen()
    return Subject(
        "rke2",
        release.old,
        release.new,
        server="rke2-server.service",
        agent="rke2-agent.service",
        without="[rke2-metrics-server]",
        mirror=str(release.place()),
        cni=release.cni,
    )
