"""The command line's root: a table of commands, each loaded when it is used."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "init": "Print a commented spec as a starting point.",
    "validate": "Check specs and report every problem.",
    "explain": "Explain a key of the spec, or an error code.",
    "render": "Write the HCL and node configuration of a spec for review.",
    "lock": "Pin images, artifacts, providers and addresses in the lock file.",
    "plan": "Show what apply would change, without changing anything.",
    "apply": "Create the clusters of the spec, or update them to match it.",
    "replace": "Replace the machines of nodes, one after the other.",
    "rotate": "Replace the tokens or the certificates of clusters.",
    "maintain": "Update and reboot the machines of clusters, one after the other.",
    "adopt": "Import existing clusters after their state is lost.",
    "destroy": "Remove clusters and all resources that were created for them.",
    "status": "Compare the clusters with the spec.",
    "check": "Check what runs in clusters.",
    "conformance": "Audit nodes against the CIS benchmark.",
    "kubeconfig": "Print or merge the kubeconfig of a cluster.",
    "ssh": "Open a shell on a node, or run a command on it.",
    "snapshot": "Save, list, delete and restore snapshots of etcd.",
    "doctor": "Check that this machine meets the requirements of a spec.",
    "autoscaler": "Pools that grow and shrink with their load.",
    "artifacts": "List, fetch and prune the files that kbootstrap installs on nodes.",
    "schema": "Print the spec's JSON Schema, for editors.",
    "completion": "Print the completion script of a shell.",
    "version": "Print the version of kbootstrap and of the tools it uses.",
}


class _LazyGroup(click.Group):
    """Lists all commands from the table above and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"kbootstrap.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            raise click.UsageError(
                f"there is no command '{args[0]}'" + (f"; did you mean '{close[0]}'?" if close else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nStart here:\nkbootstrap init --provider local > dev.yaml && kbootstrap apply dev.yaml",
)
def cli() -> None:
    """Manage all Kubernetes clusters of an organisation with one YAML file."""
