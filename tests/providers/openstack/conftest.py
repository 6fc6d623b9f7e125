from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.lock import Lock, allocate
from tests.providers.contexts import define
from tests.providers.openstack.cloud import FakeCloud, openstack


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        yield running


@pytest.fixture
def context(cloud: FakeCloud, tmp_path: Path) -> ProviderContext:
    """The context of the spec `demo`, whose clouds.yaml beside the spec leads to the fake cloud."""
    (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
    return provider_context(tmp_path)


def provider_context(folder: Path, env: Mapping[str, str] | None = None) -> ProviderContext:
    space = Workspace.beside(folder / "spec.yaml").of("prod")
    found = define(spec := openstack(), spec.clusters[0], allocate(spec, Lock()))
    return ProviderContext(
        spec,
        found.cluster,
        Lock(),
        found.nodes,
        LocalRunner(),
        {"HOME": str(folder), **(env or {})},
        folder / "cache",
        space,
        Redactor(),
        nowhere,
    )
