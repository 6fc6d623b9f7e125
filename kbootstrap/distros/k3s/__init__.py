"""k3s: one binary, units `k3s` and `k3s-agent`, joins through the API port."""

from __future__ import annotations

from kbootstrap.distros.k3s.distribution import DISTRIBUTION, K3s

__all__ = ["DISTRIBUTION", "K3s"]
