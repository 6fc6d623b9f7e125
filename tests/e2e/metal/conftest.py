"""Machines that exist, behind a bastion: from nothing to a cluster, and back to machines as they came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.firewall import lost
from tests.e2e.lab import Lab, engine
from tests.e2e.machines import Metal
from tests.e2e.metal.names import FIRST, HOSTS, NAME, PODS, SERVER, spec_of


@pytest.fixture(scope="package")
def metal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metal]:
    """A bastion and three machines with two interfaces behind it.

    Their default route leads through a network that drops UDP 8472. The login shell of the server prints a
    welcome.
    """
    engine()
    found = Metal(NAME, tmp_path_factory.mktemp("metal"))
    try:
        found.start()
        found.outside()
        for name in (*FIRST, "w-2"):
            container = found.machine(name, HOSTS[name])
            found.connect(container, HOSTS[name])
            found.on(container, lost(f"-d {found.other}.0.0/24 {PODS}").close)
        found.welcome(SERVER)
        yield found
    finally:
        found.stop()


@pytest.fixture
def site(metal: Metal) -> tuple[Lab, Path]:
    """A folder with the spec of the first cluster, the key and the right host keys; OpenTofu is not there."""
    lab = metal.lab()
    return lab, lab.spec(spec_of(metal, *FIRST))
