"""The configuration file of the server: YAML, checked against `schemas/autoscaler.json`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.diagnostics import Diagnostic, in_order
from kbootstrap.core.errors import SpecInvalid, WrongUsage
from kbootstrap.spec import document, merge, reading, schema_check, schemas


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration; the schema describes its keys. Paths are complete."""

    spec: Path
    cluster: str
    certificates: Path
    listen: str
    metrics: str
    kubeconfig: Path | None
    node: str
    workspace: Path | None = None
    ssh_key: Path | None = None
    authorized_keys: Path | None = None
    agent_token: Path | None = None
    node_files: Path | None = None
    registration: str = ""

    @property
    def metrics_address(self) -> tuple[str, int]:
        """The address of the HTTP port."""
        host, _, port = self.metrics.rpartition(":")
        return host.strip("[]"), int(port)


def read_config(path: Path) -> Config:
    """Read a configuration file.

    Raises `SpecInvalid` with all its problems, or `WrongUsage` without a file.
    """
    try:
        data = reading.read(path)
    except WrongUsage as error:
        hint = "name a configuration file: `spec`, `cluster` and `certificates` are its smallest content"
        raise WrongUsage(error.message, hint=hint, code="KB1400") from None
    text = reading.decode(data, str(path))
    if isinstance(text, Diagnostic):
        raise _invalid(path, (text,))
    parsed = document.parse(text, str(path))
    if parsed.root is None or parsed.diagnostics:
        empty = Diagnostic("KB1400", f"There is nothing in {path}.", "Write at least `spec` and `cluster`.")
        raise _invalid(path, parsed.diagnostics or (empty,))
    written, source = merge.flatten(parsed.root)
    if problems := schema_check.check_against(written, schemas.autoscaler(), source):
        raise _invalid(path, problems)
    values = schemas.fill(written, schemas.autoscaler(), schemas.autoscaler())
    folder = path.parent
    return Config(
        spec=folder / values["spec"],
        cluster=values["cluster"],
        certificates=folder / values["certificates"],
        listen=values["listen"],
        metrics=values["metrics"],
        kubeconfig=folder / values["kubeconfig"] if "kubeconfig" in values else None,
        node=values.get("node") or platform.node(),
        **{
            key: folder / values[key]
            for key in ("workspace", "ssh_key", "authorized_keys", "agent_token", "node_files")
            if key in values
        },
        registration=values.get("registration", ""),
    )


def _invalid(path: Path, problems: tuple[Diagnostic, ...]) -> SpecInvalid:
    return SpecInvalid(f"{path} is not valid", code="KB1400", diagnostics=in_order(problems))
