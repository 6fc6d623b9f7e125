"""`kbootstrap autoscaler`: commands about pools that grow and shrink with their load."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.simulate import simulate

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session


@click.group("autoscaler", short_help="Pools that grow and shrink with their load.")
def command() -> None:
    """Pools that grow and shrink with their load.

    Cluster Autoscaler decides how many nodes a pool needs. With `--cloud-provider=externalgrpc` it asks the
    server of `serve` for pools, sizes and bounds, and that server creates and removes machines.
    """


command.add_command(simulate)


@command.command("serve", short_help="Serve Cluster Autoscaler until stopped.")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The configuration file.",
)
def serve(config: Path) -> int:
    """Serve Cluster Autoscaler until the process gets SIGTERM or SIGINT, which ends it with exit code 0.

    Of several servers of a cluster, one leads; another one takes over when it ends. The log is on stderr, one
    JSON object per line.
    """
    from kbootstrap.cli.session import run

    async def work(session: Session) -> int:
        from kbootstrap.commands import autoscaler

        await autoscaler.serve(config, session.runtime, _log, stop_on_signal())
        return 0

    return run(work, quiet=True)


def _hosts(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from ipaddress import ip_address

    from kbootstrap.spec.format_network import address

    found = []
    for value in values:
        try:
            found.append(str(ip_address(value)))
        except ValueError:
            if address(value):
                text = f"'{value}' is neither a host name nor an IP address"
                raise click.BadParameter(text, param=param) from None
            found.append(value)
    return tuple(found)


@command.command("certificates", short_help="Write or renew the certificates of both sides.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--name",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    callback=_hosts,
    help="Host in Cluster Autoscaler's `address`: a DNS name or an IP address; may be repeated.",
)
def certificates(folder: Path, names: tuple[str, ...]) -> int:
    """Write the certificates of the server and of Cluster Autoscaler into a folder, or renew them.

    Valid files stay. Certificates are valid for a year, and are renewed when less than a third of that is
    left; the authority for ten years. The server uses `ca.crt`, `server.crt` and `server.key` (as `tls.crt`
    and `tls.key`), Cluster Autoscaler `ca.crt`, `client.crt` and `client.key`. `ca.key` stays with you.
    """
    from kbootstrap.commands import autoscaler

    made = autoscaler.certificates(folder, names)
    said = f"new: {', '.join(made)}" if made else "nothing to renew"
    click.echo(f"{folder}: {said}", err=True)
    return 0


@command.command("image", short_help="Pack this installation as the image of the server.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
def image(file: Path) -> int:
    """Pack this installation of kbootstrap as a container image, and print what the spec needs of it.

    FILE is a `docker save` archive, compressed with zstd: `kbootstrap.tar.zst`. It has the interpreter, the
    packages and the libraries of this installation, and nothing from a registry. The tag is a hash of the
    content. The output is the content of `autoscaler.server` in a spec beside FILE.
    """
    from kbootstrap.cli.session import run

    async def work(session: Session) -> int:
        from kbootstrap.commands import autoscaler_image

        tag, digest = await autoscaler_image.image(file, session.runtime)
        click.echo(f"image: {tag}\nfile: {file.name}\nsha256: {digest}")
        return 0

    return run(work, quiet=True)


def stop_on_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set: the server then ends by itself."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
