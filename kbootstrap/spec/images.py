"""Images of the programs that run as pods in a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """An image whose content is known: by a digest in its name, or as a file with a checksum.

    `file` is relative to the spec; `sha256` is its checksum.
    """

    name: str
    file: str | None = None
    sha256: str | None = None

    @property
    def digest(self) -> str:
        """The digest in the name, `sha256:…`; empty if there is none."""
        return self.name.partition("@")[2]

    @property
    def tag(self) -> str:
        """The tag in the name; empty if there is none."""
        return self.name.partition("@")[0].rpartition("/")[2].partition(":")[2]


@dataclass(frozen=True, slots=True)
class AutoscalerPods:
    """The images of Cluster Autoscaler and of kbootstrap's server, which run as pods."""

    cluster_autoscaler: ContainerImage
    server: ContainerImage

    @property
    def images(self) -> tuple[ContainerImage, ...]:
        """Both images."""
        return (self.server, self.cluster_autoscaler)
