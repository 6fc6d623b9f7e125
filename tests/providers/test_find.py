from __future__ import annotations

import subprocess
import sys

import pytest

from kbootstrap.core.errors import WrongUsage
from kbootstrap.providers import find, names


def test_providers_are_found_by_their_folder() -> None:
    assert "local" in names()
    assert find("local").name == "local"


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(WrongUsage, match="no provider 'aws'") as caught:
        find("aws")
    assert "local" in str(caught.value.hint)


def test_asking_for_names_imports_no_provider() -> None:
    code = "import sys, kbootstrap.providers as p; p.names(); sys.exit(f'{p.__name__}.local' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
