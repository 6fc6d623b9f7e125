"""The matrix: a spec of two clusters, and one edit of it for each row, as users edit text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

BASE = """\
apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  live:
    provider: {local: {}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    network: {cidr: 10.88.0.0/16, control_plane: 10.88.0.0/24, agents: 10.88.4.0/22}
    control_plane: {nodes: 3}
    pools:
      - name: web
        nodes: 2
      - name: db
        nodes: 1
        labels: {tier: db}
        taints: ["dedicated=db:NoSchedule"]
  test:
    provider: {local: {}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    network: {cidr: 10.89.0.0/16, control_plane: 10.89.0.0/24, agents: 10.89.4.0/22}
    control_plane: {nodes: 1}
    pools: [{name: web, nodes: 1}]
"""
_DB = BASE[BASE.index("      - name: db") : BASE.index("  test:")]
_TEST = BASE[BASE.index("  test:") :]


def _swap(old: str, new: str) -> Callable[[str], str]:
    assert old in BASE, old
    return lambda text: text.replace(old, new, 1)


MATRIX: Mapping[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "add-pool": _swap("  test:", "      - name: batch\n        nodes: 2\n  test:"),
    "remove-pool": _swap(_DB, ""),
    "resize-pool": _swap("        nodes: 2\n", "        nodes: 4\n"),
    "shrink-pool": _swap("        nodes: 2\n", "        nodes: 1\n"),
    "rename-pool": _swap("name: db", "name: data\n        renamed_from: [db]"),
    "rename-without-a-word": _swap("name: db", "name: data"),
    "more-servers": _swap("control_plane: {nodes: 1}", "control_plane: {nodes: 3}"),
    "new-version": _swap("version: v1.32.0+k3s1", "version: v1.33.0+k3s1"),
    "new-label": _swap("        nodes: 2\n", "        nodes: 2\n        labels: {team: web}\n"),
    "new-taint": _swap("        nodes: 2\n", '        nodes: 2\n        taints: ["only=web:NoExecute"]\n'),
    "new-subnet": _swap("agents: 10.88.4.0/22", "agents: 10.88.8.0/22"),
    "remove-cluster": _swap(_TEST, ""),
    "add-cluster": lambda text: text + _TEST.replace("  test:", "  demo:").replace("10.89", "10.90"),
    "api-port": _swap(
        "  live:\n    provider: {local: {}}", "  live:\n    provider: {local: {api_port: 26443}}"
    ),
}
