"""The OpenStack provider for the contract suite, with a cloud on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kbootstrap.providers.openstack import PROVIDER
from tests.providers.contexts import of
from tests.providers.openstack.cloud import KEY, FakeCloud, openstack, server, tagged
from tests.providers.openstack.conftest import provider_context
from tests.providers.subject import Subject, contract


@contextmanager
def subject(folder: Path) -> Iterator[Subject]:
    """Machines of an OpenStack cloud on loopback."""
    with FakeCloud() as running:
        (folder / "clouds.yaml").write_text(running.clouds_yaml())
        spec = openstack(more=f"    ssh: {{authorized_keys: [{KEY}]}}\n")
        context = of(provider_context(folder), spec)
        running.things["compute/servers"] = [server(node.name) for node in context.nodes]
        finished = ["Cloud-init v. 24.1 finished at Sun"]
        running.consoles = {f"id-{node.name}": finished for node in context.nodes}
        running.things["network/networks"].append(tagged("net", "demo-prod"))

        def lose(name: str) -> None:
            servers = running.things["compute/servers"]
            servers[:] = [one for one in servers if one["name"] != name]

        def changes() -> list[str]:
            harmless = ("GET", "POST identity/v3/auth/tokens", "POST compute/servers/")
            """Servers are created by OpenTofu; what is posted to one here asks for its console."""
            return [one for one in running.requests if not one.startswith(harmless)]

        network = {"id": "net", "name": "demo-prod"}
        made = contract(context, network=network, bastion=None)
        yield Subject(PROVIDER, context, made, lambda: len(running.requests), changes, lose)
