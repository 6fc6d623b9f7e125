from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.workspace import Workspace
from kbootstrap.providers.model import Surroundings
from tests.providers.openstack.cloud import FakeCloud


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        yield running


@pytest.fixture
def around(cloud: FakeCloud, tmp_path: Path) -> Surroundings:
    """Surroundings whose clouds.yaml beside the spec leads to the fake cloud."""
    (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
    return surroundings(tmp_path)


def surroundings(folder: Path, env: Mapping[str, str] | None = None) -> Surroundings:
    space = Workspace.beside(folder / "spec.yaml").of("prod")
    return Surroundings(
        LocalRunner(), {"HOME": str(folder), **(env or {})}, folder / "cache", space, Redactor(), nowhere
    )
