"""RKE2: a tarball unpacked below /usr/local, units `rke2-server` and `rke2-agent`, joins on port 9345."""

from __future__ import annotations

from kbootstrap.distros.rke2.distribution import DISTRIBUTION, Rke2

__all__ = ["DISTRIBUTION", "Rke2"]
