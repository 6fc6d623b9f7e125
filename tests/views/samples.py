"""One of everything that views show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.decide.last_snapshots import LastSnapshots
from kbootstrap.cluster.decide.order import Order
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.files import StageFile, WriteFile, WriteSecret
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService, StartService
from kbootstrap.core.diagnostics import Diagnostic, Related, Severity, Span, SpecPath
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.model import Artifact, NodeFile, Role
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.plans.build import ClusterFindings, entry
from kbootstrap.plans.model import PlanDocument
from kbootstrap.providers import find
from kbootstrap.providers.model import Check
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange, judged
from kbootstrap.views.explain import KeyFacts

_NETWORK = "    network: {cidr: 10.0.0.0/16, control_plane: 10.0.0.0/24, agents: 10.0.0.0/22}"

DIAGNOSTICS = (
    Diagnostic(
        "KB0203",
        "The control plane's subnet 10.0.0.0/24 lies inside the agents' subnet 10.0.0.0/22, so two nodes "
        "could get one address.",
        "Choose ranges that do not meet, for instance agents: 10.0.4.0/22.",
        Span("specs/dev.yaml", 12, 71, 82, _NETWORK),
        "256 addresses are in both",
        (Related(Span("specs/dev.yaml", 12, 46, 57, _NETWORK), "the control plane's subnet"),),
        summary="Subnets overlap",
    ),
    Diagnostic(
        "KB0201",
        "'flavour' is no key of a pool.",
        "Did you mean 'flavor'?",
        Span("specs/dev.yaml", 31, 9, 16, "      - flavour: a2-ram4-disk20-perf1"),
    ),
    Diagnostic(
        "KB0207",
        "Names of nodes are made from names of pools, so two pools of a cluster cannot share one.",
        "Rename one of them.",
        Span("specs/dev.yaml", 140, 16, 19, "      - {name: web, nodes: 3}"),
        "used a second time",
        (
            Related(Span("specs/dev.yaml", 28, 16, 19, "      - {name: web, nodes: 2}"), "first used here"),
            Related(Span("specs/dev.yaml", 29, 16, 18, "      - {name: db, nodes: 2}"), "not concerned"),
            Related(Span("specs/base.yaml", 3, 8, 11, "\tname: web # 日本語"), "merged from here"),
        ),
        summary="Duplicate pool name",
    ),
    Diagnostic(
        "KB0301",
        "Two etcd members cannot lose one.",
        "Use 1, 3 or 5.",
        Span("specs/dev.yaml", 14, 28, 29, "    control_plane: {nodes: 2}"),
        "2 servers",
        severity=Severity.WARNING,
        summary="Even number of servers",
    ),
    Diagnostic(
        "KB0101",
        "A tab cannot indent.",
        "Use spaces.",
        Span("specs/dev.yaml", 50, 1, 2, "\tpools: 日本語 " + "x" * 200),
        "this tab",
        summary="Broken YAML",
    ),
    Diagnostic(
        "KB0101",
        "The text has no end.",
        "Close it.",
        Span("specs/dev.yaml", 51, 160, 170, '    key: "' + "日本語 abcdef " * 30),
        "it begins to go wrong here, which takes so many words that they stand below the marker",
        summary="Broken YAML",
    ),
    Diagnostic(
        "KB0102",
        "specs/none.yaml does not exist.",
        "kbootstrap init makes one.",
        summary="Cannot read the spec",
    ),
)

ERROR = InstallFailed(
    "k3s-agent.service did not start",
    host="local-default-1",
    code="KB0804",
    detail="13:02:11 k3s[412]: level=info msg=\x1b[31mstarting\x1b[0m k3s agent v1.32.0+k3s1\n\n"
    '13:02:41 k3s[412]: level=fatal msg="failed to validate connection to cluster at https://10.128.0.10:6443"',
    hint="The node cannot reach the API endpoint. Look further with: "
    "kbootstrap ssh specs/local.yaml local-default-1 -- journalctl -u k3s-agent",
)


def _change(
    kind: Kind,
    address: str,
    *,
    because: tuple[str, ...] = (),
    reason: str | None = None,
    spec: SpecPath | None = None,
) -> ResourceChange:
    found = ResourceChange(address, "terraform_data", kind, (), None, because, reason, spec)
    return judged(found, find("local").traits.resources)


def _install(node: str, unit: str, why: str) -> tuple[ConvergeStep, ...]:
    k3s = Artifact("k3s", "/usr/local/bin/k3s", 0o755)
    config = NodeFile("/etc/rancher/k3s/config.yaml", "a: 1\n", 0o600)
    return (
        Claim(node=node, why="new machine"),
        StageFile(node=node, why="not there yet", artifact=k3s, version="v1.32.0+k3s1"),
        WriteFile(node=node, why="not there yet", file=config),
        WriteSecret(node=node, why=why, secret="server", path="/etc/rancher/k3s/kbootstrap-token"),
        StartService(node=node, why="it does not run", unit=unit),
        WaitReady(
            node=node,
            why="a node counts when it is Ready, and not before that",
            unit=unit,
            version="v1.32.0+k3s1",
        ),
    )


def _relabel(node: str) -> tuple[ConvergeStep, ...]:
    file = NodeFile("/etc/rancher/k3s/config.yaml", "node-label:\n- a=b\n- team=web\n", 0o600)
    return (
        WriteFile(
            node=node, why="team=web is new", file=file, existed=True, before="node-label:\n- a=b\n- old=1\n"
        ),
        RestartService(node=node, why="its configuration changes", unit="k3s-agent.service"),
    )


_VERSION = "v1.32.0+k3s1"


def _roles(cluster: str, nodes: int) -> dict[str, Role]:
    agents: dict[str, Role] = {f"{cluster}-default-{n}": "agent" for n in range(1, nodes)}
    return {f"{cluster}-control-plane-1": "server", **agents}


_FIRST = "local-control-plane-1"
_SOURCE = SourceMap({}, {("clusters", "local", "pools", 0): Span("specs/local.yaml", 9, 9, 20)})
_NONE = PlanSummary((), (), ())

PLANS = (
    ClusterFindings(
        cluster="local",
        infrastructure=PlanSummary(
            (
                _change("create", "module.endpoint.terraform_data.endpoint"),
                _change("update", "module.network.terraform_data.network"),
                _change(
                    "delete",
                    'module.pool_old.terraform_data.node["local-old-1"]',
                    reason="delete_because_no_module",
                ),
                _change(
                    "replace",
                    'module.pool_web.terraform_data.node["local-web-1"]',
                    because=("input.address", "input.image"),
                    spec=("clusters", "local", "pools", 0),
                ),
            ),
            (_change("delete", 'module.pool_web.terraform_data.node["local-web-2"]'),),
            (),
        ),
        steps=Plan(
            "local",
            {
                _FIRST: _install(_FIRST, "k3s.service", "a new cluster"),
                **{
                    f"local-default-{number}": _install(
                        f"local-default-{number}", "k3s-agent.service", "to join"
                    )
                    for number in range(1, 7)
                },
            },
            initial_server=_FIRST,
        ),
        new=("local-web-1",),
        source=_SOURCE,
        before=_roles("local", 7),
        after=_roles("local", 8),
        version=_VERSION,
        order=Order((("local-old-1",),), (("local-web-1",),)),
    ),
    ClusterFindings(
        cluster="test",
        infrastructure=_NONE,
        steps=Plan("test", {f"test-web-{n}": _relabel(f"test-web-{n}") for n in (1, 2)}),
        before=_roles("test", 2),
        after=_roles("test", 2),
        versions=(_VERSION,),
        version=_VERSION,
    ),
    ClusterFindings(
        cluster="tools",
        infrastructure=_NONE,
        steps=Plan("tools", {}),
        before=_roles("tools", 1),
        after=_roles("tools", 1),
        versions=(_VERSION,),
        version=_VERSION,
    ),
)


def document(*plans: ClusterFindings, left: tuple[str, ...] = ()) -> PlanDocument:
    """Return the document of some plans; nothing is masked."""
    return PlanDocument("dev", tuple(entry(plan, str) for plan in plans), left)


NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
_AUTHORITY = Certificate("server/tls/server-ca.crt", NOW + timedelta(days=3649), "ca")


def _row(name: str, role: str, *, days: float | None = 364, **changes: object) -> NodeStatus:
    leaf = Certificate("agent/client-kubelet.crt", NOW + timedelta(days=days)) if days is not None else None
    fields: dict[str, object] = {
        "name": name,
        "role": role,
        "desired": True,
        "reachable": True,
        "service": "active",
        "ready": True,
        "version": "v1.32.0+k3s1",
        "desired_version": "v1.32.0+k3s1",
        "etcd": None,
        "leaf": leaf,
        "authority": _AUTHORITY if leaf else None,
        "time": NOW,
        **changes,
    }
    return NodeStatus(**fields)  # type: ignore[arg-type] # written as a table


def _snapshot(place: str, name: str, ago: timedelta) -> Snapshot:
    return Snapshot(name, place, int((NOW - ago).timestamp()), 4_100_000)


_CONFIG = "/etc/rancher/k3s/config.yaml"
CLUSTERS = (
    ClusterStatus(
        "local",
        "local",
        endpoint="https://127.0.0.1:21234",
        rows=(_row("local-control-plane-1", "server", etcd=True), _row("local-default-1", "agent")),
        snapshots=LastSnapshots(NOW, _snapshot("local-control-plane-1", "s-1", timedelta(minutes=125))),
    ),
    ClusterStatus(
        "production",
        "openstack",
        endpoint="https://203.0.113.7:6443",
        rows=(
            _row("production-control-plane-1", "server", days=12.5, etcd=True),
            _row(
                "production-control-plane-2",
                "server",
                days=-3,
                etcd=False,
                ready=False,
                reason="container runtime is down, and this is a long sentence that the kubelet says",
            ),
            _row(
                "production-web-1",
                "agent",
                version="v1.31.0+k3s1",
                pending=("send k3s v1.32.0+k3s1", "restart k3s-agent.service"),
                drift=(Drift("version", "Kubernetes", "the node runs v1.31.0+k3s1"),),
            ),
            _row(
                "production-web-2",
                "agent",
                days=None,
                reachable=False,
                ready=None,
                version=None,
                service="unreachable",
                unreachable="the cloud has no machine production-web-2",
                drift=(Drift("infrastructure", "machine", "the cloud has no machine production-web-2"),),
            ),
            _row(
                "production-web-3",
                "agent",
                days=None,
                reachable=False,
                service="unreachable",
                unreachable="no SSH connection to production-web-3 (10.0.4.13) within 15 s: no answer",
            ),
            _row(
                "production-web-4",
                "agent",
                ready=None,
                version=None,
                service="failed",
                pending=("start k3s-agent.service",),
                drift=(Drift("service", "k3s-agent.service", "it has failed"),),
            ),
            _row(
                "production-web-5",
                "agent",
                cordoned=True,
                pending=tuple(f"write {_CONFIG}.d/{n}.yaml" for n in range(6)),
                drift=tuple(
                    Drift("configuration", f"{_CONFIG}.d/{n}.yaml", "it differs from the spec")
                    for n in range(6)
                ),
            ),
            _row("production-old-1", "unknown", days=None, desired=False),
        ),
        holder="anna@laptop, process 4242, since 2026-11-26 12:41:03 UTC",
        drift=(
            Drift(
                "infrastructure",
                "module.network.terraform_data.network",
                "docker has no network dev-production",
            ),
        ),
        snapshots=LastSnapshots(
            NOW,
            None,
            _snapshot("s3", "s-2", timedelta(days=3)),
            schedule="0 * * * *",
            late=("servers",),
            problem="the bucket exponent-etcd at s3.example.org does not answer",
        ),
        diagnostics=(
            Diagnostic(
                "KB0880",
                "On production-control-plane-2 server/tls/client-admin.crt expired on 2026-11-23, and "
                "others on 1 more node.",
                "kbootstrap rotate certificates SPEC renews them, one node after the other",
                severity=Severity.WARNING,
            ),
            Diagnostic(
                "KB0808", "The servers carry data of different clusters.", "find out", summary="Two clusters"
            ),
        ),
    ),
    ClusterStatus("test", "local", note="it has not been created yet", made=False),
)

CHECKS = (
    Check("Python", ok=True, found="3.11.2"),
    Check("container engine", ok=True, found="Docker 20.10.24 (cgroup v1)"),
    Check(
        "OpenTofu",
        ok=False,
        found="neither tofu nor terraform is on PATH",
        help="Run 'kbootstrap artifacts pull tofu', or install it from your distribution and run doctor "
        "again; Terraform works too.",
    ),
    Check(
        "inotify", ok=None, found="fs.inotify.max_user_instances is 128", help="More than 4 nodes need 512."
    ),
)

KEY = KeyFacts(
    "clusters.<name>.pools[].nodes",
    "integer",
    "How many nodes this pool has. For a pool with autoscaling leave it out: its bounds are min and max.",
    required=True,
    default="1",
    values=("1", "3", "5"),
    examples=("nodes: 3",),
    keys=(
        ("name", "string", "Name of the pool."),
        (
            "taints",
            "list",
            "Taints of every node, written key=value:Effect or key:Effect; removed ones are removed too.",
        ),
    ),
)
