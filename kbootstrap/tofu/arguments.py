"""Command lines for OpenTofu and Terraform, built by `python-terraform`.

Only its `generate_cmd_string` is used. Its own running of commands is not: `destroy` passes the removed
`-force`, and output comes only at the end. Mappings are never passed: they would become variable files that
stay behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from python_terraform import IsFlagged, Terraform

if TYPE_CHECKING:
    Option = str | int | bool | list[str] | type[object] | None

FLAG = IsFlagged
"""An option without a value: `json=FLAG` is `-json`."""


class _Builder(Terraform):  # type: ignore[misc]
    """Builds arguments; reads no state from the current folder, as the library would."""

    def read_state_file(self, file_path: str | None = None) -> None:
        """Read nothing."""


def build(binary: Path, verb: str, *arguments: str, **options: Option) -> list[str]:
    """Return a command line: `lock_timeout="60s"` is `-lock-timeout=60s`, a list repeats its option."""
    builder = _Builder(terraform_bin_path=str(binary))
    command: list[str] = builder.generate_cmd_string(verb, *arguments, **options)
    return command
