"""What audits have to know of a node, for the script that reads it."""

from __future__ import annotations

from kbootstrap.checks.conformance.audit import (
    ArgumentReading,
    FileReading,
    KernelReading,
    SshdReading,
)
from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.checks.conformance.catalogue import audits
from kbootstrap.cluster.observe.audit import Questions


def questions(node: AuditedNode) -> Questions:
    """Return the questions of all audits that are about a node, each once."""
    readings = [one.reading for one in audits() if node.applies(one)]
    components = [one.component for one in readings if isinstance(one, ArgumentReading)]
    paths = [path for one in readings if isinstance(one, FileReading) for path in node.paths(one.paths)]
    texts = [node.path("{kubelet_config}"), *([node.etcd_config] if node.role == "server" else [])]
    return Questions(
        unit=node.unit,
        source=node.sources.arguments,
        data=node.path("{data}"),
        components=tuple(dict.fromkeys(components)),
        patterns=tuple(dict.fromkeys(paths)),
        texts=tuple(texts),
        kernel=tuple(one.name for one in readings if isinstance(one, KernelReading)),
        sshd=("port", *(one.name.lower() for one in readings if isinstance(one, SshdReading))),
    )
