"""The distributions that the same tests go through: their versions, and where they differ for a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.e2e.rke2.release import RkeRelease, chosen
from tests.e2e.specs import local_spec


@dataclass(frozen=True, slots=True)
class Subject:
    """A distribution in two versions. `release` has those of RKE2; kbootstrap finds those of k3s."""

    distribution: str
    old: str
    new: str
    server: str
    agent: str
    """The services."""
    release: RkeRelease | None = None

    @property
    def stand_in(self) -> bool:
        """Whether it is the stand-in for RKE2."""
        return self.release is not None and not self.release.vendor

    @property
    def vendor(self) -> bool:
        """Whether it is the vendor's release of RKE2, which does not bring the image of the tests' pods."""
        return self.release is not None and self.release.vendor

    def spec(
        self,
        cluster: str,
        *,
        pools: str,
        version: str = "",
        servers: int = 1,
        encrypted: bool = True,
        provider: str = "{local: {}}",
        more: str = "",
    ) -> str:
        """Return the spec of a `local` cluster, of the newer version unless another one is named."""
        wanted, release = version or self.new, self.release
        return local_spec(
            cluster,
            version=wanted,
            kubernetes=release.kubernetes(wanted) if release else "",
            mirror=release.mirror() if release else "",
            encrypted=encrypted,
            servers=f"nodes: {servers}",
            pools=pools,
            provider=provider,
            more=more,
        )


@cache
def subject(distribution: str) -> Subject:
    """Return a distribution by its name. RKE2 is the stand-in, or what `rke2/release.py` chooses."""
    if distribution == "k3s":
        return Subject("k3s", "v1.31.0+k3s1", "v1.32.0+k3s1", server="k3s.service", agent="k3s-agent.service")
    release = chosen()
    return Subject(
        "rke2", release.old, release.new, "rke2-server.service", "rke2-agent.service", release=release
    )
