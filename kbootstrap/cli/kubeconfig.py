"""`kbootstrap kubeconfig`: print or merge the kubeconfig of a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import cluster_option, spec_argument, tofu_option


@click.command("kubeconfig", short_help="Print or merge the kubeconfig of a cluster.")
@spec_argument
@cluster_option
@tofu_option
@click.option(
    "--merge", is_flag=True, help="Merge it into $KUBECONFIG or ~/.kube/config instead of printing it."
)
@click.option("--path", "only_path", is_flag=True, help="Print the path of the cluster's own kubeconfig.")
def command(spec: Path, clusters: tuple[str, ...], tofu: str | None, merge: bool, only_path: bool) -> int:
    """Print or merge the kubeconfig of a cluster, read from one of its servers.

    The kubeconfig gives full administrator access to the cluster.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands.kubeconfig import kubeconfig

    async def work(session: Session) -> int:
        for path, text in await kubeconfig(spec, clusters, session.runtime, merge=merge):
            if only_path:
                click.echo(path)
            elif not merge:
                click.echo(text, nl=False)
        return 0

    return run(work, tofu=tofu, spec=spec, quiet=True)
