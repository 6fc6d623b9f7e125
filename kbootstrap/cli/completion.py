"""`kbootstrap completion`: print the completion script of a shell."""

from __future__ import annotations

import click


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  kbootstrap completion bash > ~/.local/share/bash-completion/completions/kbootstrap
    zsh:   kbootstrap completion zsh > "${fpath[1]}/_kbootstrap"
    fish:  kbootstrap completion fish > ~/.config/fish/completions/kbootstrap.fish
    """
    from click.shell_completion import get_completion_class

    from kbootstrap.cli.main import cli

    completer = get_completion_class(shell)
    if completer is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completer(cli, {}, "kbootstrap", "_KBOOTSTRAP_COMPLETE").source())
