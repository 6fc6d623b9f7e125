"""Reads a spec for a command, and chooses its clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from kbootstrap.cluster.snapshots.settings import read_keys, read_passphrase
from kbootstrap.core.diagnostics import Diagnostic, Severity, in_order
from kbootstrap.core.errors import CredentialsRefused, SpecInvalid, WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros import find as find_distribution
from kbootstrap.providers import find as find_provider
from kbootstrap.providers import names as provider_names
from kbootstrap.spec.load import load
from kbootstrap.spec.logins import CODE, WHAT, login_references, read_login
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.references import Reader


def read_spec(path: Path, warn: Callable[[Sequence[Diagnostic]], None] | None = None) -> Spec:
    """Load a spec, or raise `SpecInvalid` with all its problems; `warn` gets the warnings."""
    loaded = load(path)
    if loaded.spec is None:
        raise SpecInvalid(f"{path} is not valid", diagnostics=loaded.diagnostics)
    if warn:
        own = (d for d in settings_problems(loaded.spec) if d.severity is Severity.WARNING)
        if warnings := in_order([*loaded.diagnostics, *own]):
            warn(warnings)
    return loaded.spec


def settings_problems(spec: Spec) -> tuple[Diagnostic, ...]:
    """Return the problems that providers and distributions find in the settings of their clusters."""
    known = provider_names()
    of_providers = [
        problem
        for cluster in spec.clusters
        if cluster.provider.name in known
        for problem in find_provider(cluster.provider.name).validate(spec, cluster)
    ]
    of_distributions = [
        problem
        for cluster in spec.clusters
        for problem in find_distribution(cluster.kubernetes.distribution).validate(spec, cluster)
    ]
    return (*of_providers, *of_distributions)


def choose(spec: Spec, names: Iterable[str]) -> tuple[Cluster, ...]:
    """Return the clusters that `--cluster` names, in the order of the spec; all if it names none."""
    wanted = tuple(names)
    known = [cluster.name for cluster in spec.clusters]
    for name in wanted:
        if name not in known:
            raise WrongUsage(
                f"{spec.path} has no cluster '{name}'", hint=f"it has: {', '.join(known)}", code="KB0401"
            )
    return tuple(c for c in spec.clusters if not wanted or c.name in wanted)


def hide_secrets(spec: Spec, runtime: Runtime) -> None:
    """Register all secrets of the spec with the redactor, also those that this command does not need.

    Missing values are ignored here; the step that needs them reports them.
    """
    reader = Reader(spec.path.parent, runtime.env, "hiding it", "KB0871")
    of_snapshots = [one.snapshots for one in spec.clusters if one.snapshots]
    for reference in (spec.state.passphrase, *(one.passphrase for one in of_snapshots)):
        if reference:
            with suppress(CredentialsRefused):
                read_passphrase(reference, reader, runtime.redactor)
    for bucket in (one.s3 for one in of_snapshots if one.s3):
        with suppress(CredentialsRefused):
            read_keys(bucket, reader, runtime.redactor)
    of_nodes = Reader(spec.path.parent, runtime.env, WHAT, CODE)
    for reference in (one for cluster in spec.clusters for one in login_references(cluster)):
        with suppress(CredentialsRefused):
            read_login(reference, of_nodes, runtime.redactor)
