"""Where a node has the facts for the CIS Kubernetes Benchmark. Pure data, part of each distribution.

Sources: self-assessment guides of k3s and RKE2; the layout of folders is that of `common.paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AuditSources:
    """Where audits find arguments and files.

    `arguments`: components are processes with arguments of their own, or the journal of the service has the
    arguments with which it started them. `pods` is the folder of the control plane's static pods, empty if
    there are none. `settings` is the folder of configuration drop-ins. `places` are folders and files by the
    names that paths of audits use (`{server}/tls`).
    """

    arguments: Literal["journal", "processes"]
    pods: str
    settings: str
    places: Mapping[str, str]
