"""`kbootstrap check`: compares what runs in clusters with rules. Read-only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from kbootstrap.checks.report import Report, Reports
from kbootstrap.checks.workloads.judge import judge
from kbootstrap.cluster.api.http import connect
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.cluster_reports import cluster_reports
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.kubeconfig import admin_kubeconfig
from kbootstrap.engine.observe import observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.engine.workload_objects import Scope, read_namespaces


async def check_workloads(
    spec: Path, clusters: Iterable[str], run: Runtime, scope: Scope, least: Severity
) -> Reports:
    """Check the workloads of clusters; failures are as in `cluster_reports`."""
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run, changing=False)
    work = ((context, partial(_of_cluster, context, scope)) for context in chosen)
    return await cluster_reports("workloads", loaded.name, work, run, least)


async def _of_cluster(context: Context, scope: Scope) -> Report:
    async with AsyncExitStack() as stack:
        nodes = await observe_nodes(context, await made_outputs(context), stack, tolerant=True)
        api = connect(admin_kubeconfig(context, nodes), nodes.api_endpoint)
        stack.push_async_callback(api.close)
        found = await read_namespaces(api, scope, context.distribution.namespaces)
        return Report(context.cluster.name, judge(found))
