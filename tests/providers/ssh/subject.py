"""The ssh provider for the contract suite; no fake is needed, because nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.ssh import PROVIDER
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock
from tests.providers.contexts import define
from tests.providers.subject import Subject


@contextmanager
def subject(folder: Path) -> Iterator[Subject]:
    """Machines that the spec lists."""
    path = folder / "spec.yaml"
    path.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: s\nclusters:\n  c:\n    provider: {ssh: {}}\n"
        "    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}\n"
        "    control_plane: {hosts: [{name: cp, address: 10.0.0.11}]}\n"
        "    pools: [{name: w, hosts: [{name: w-1, address: 10.0.0.21}]}]\n"
    )
    spec = load(path).checked(path)
    it = define(spec, spec.clusters[0], Lock())
    space = Workspace.beside(path).of("c")
    context = ProviderContext(
        spec, it.cluster, it.lock, it.nodes, LocalRunner(), {}, folder / "cache", space, Redactor(), nowhere
    )
    provider = PROVIDER
    assert provider.existing_machines is not None
    made = provider.existing_machines.outputs(context)
    yield Subject(provider, context, made, lambda: 0, list)
