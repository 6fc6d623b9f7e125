"""All expected failures as one exception tree. Each class has an exit code; each instance may have a hint.

    KbootstrapError (1)
    ├── Declined (1)
    │   └── PlanMoved (1)
    ├── SpecInvalid (3)             carries diagnostics; raised once, with every problem of the file
    ├── CredentialsRefused (4)
    ├── PrerequisiteMissing (5)
    ├── TofuFailed (6)              carries diagnostics
    ├── HostUnreachable (7)
    │   └── HostKeyChanged (7)
    ├── InstallFailed (8)
    ├── DeadlinePassed (9)
    ├── Locked (10)
    ├── WrongUsage (64)
    ├── Interrupted (130)
    └── ClustersFailed              carries the failure of each cluster; the code is that of the first one

Problems in the user's input are `Diagnostic` data (see `diagnostics.py`), not exceptions, until a command
has collected all of them. A bug is any exception outside this tree: its traceback goes to a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbootstrap.core.diagnostics import Diagnostic

CHANGES_PENDING = 2
"""Exit code with `--detailed-exitcode` and `--check` only: success, and there are changes."""

FINDINGS = 2
"""Exit code of a check with `--detailed-exitcode` only: everything was read, and something does not pass."""


class KbootstrapError(Exception):
    """Base class of all errors that kbootstrap reports without a traceback.

    `message` is one sentence that names the object (host, file, command). `hint` is the suggested next step.
    `detail` is evidence: the last lines of a journal or of a command's output, redacted by the code that
    collected it. `code` is a stable `KBnnnn` of `kbootstrap/core/codes/`, for `kbootstrap explain`. `host` is
    the node on which the failure occurred, if any.
    """

    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        detail: str | None = None,
        code: str | None = None,
        host: str | None = None,
        diagnostics: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.code = code
        self.host = host
        self.diagnostics = tuple(diagnostics)


class Declined(KbootstrapError):
    """The operator declined, or there was no terminal for the confirmation prompt."""


class PlanMoved(Declined):
    """A saved plan differs from the current plan, so the approval does not cover the current changes."""


class SpecInvalid(KbootstrapError):
    """The spec has problems; `diagnostics` holds all of them."""

    exit_code = 3


class CredentialsRefused(KbootstrapError):
    """A key, password or token was missing or not accepted."""

    exit_code = 4


class PrerequisiteMissing(KbootstrapError):
    """A requirement of this machine is not met: an engine, a tool, a file, disk space, a port."""

    exit_code = 5


class TofuFailed(KbootstrapError):
    """OpenTofu or Terraform reported errors; `diagnostics` has them, with locations in the spec if known."""

    exit_code = 6


class HostUnreachable(KbootstrapError):
    """An SSH connection to a node could not be opened, or was lost."""

    exit_code = 7


class HostKeyChanged(HostUnreachable):
    """A node presented a host key that differs from the pinned one."""


class InstallFailed(KbootstrapError):
    """A step on a node failed."""

    exit_code = 8


class DeadlinePassed(KbootstrapError):
    """A step did not finish before its deadline."""

    exit_code = 9


class Locked(KbootstrapError):
    """Another run holds the lock of the cluster."""

    exit_code = 10


class WrongUsage(KbootstrapError):
    """Invalid command-line arguments, or an invalid combination of them."""

    exit_code = 64


class Interrupted(KbootstrapError):
    """The operator pressed Ctrl-C; running operations have been stopped cleanly."""

    exit_code = 130


class ClustersFailed(KbootstrapError):
    """One or more of the clusters of a run failed; a run of a single cluster raises its failure itself.

    `failures` has the failures by cluster, `done` the clusters that the run completed, both in the order of
    the spec; `count` is how many clusters the run has. The exit code is that of the first failure.
    """

    def __init__(self, failures: Mapping[str, KbootstrapError], count: int, done: Sequence[str] = ()) -> None:
        super().__init__(f"{len(failures)} of {count} clusters failed: {', '.join(failures)}")
        self.failures = dict(failures)
        self.done = tuple(done)
        self.exit_code = next(iter(failures.values())).exit_code


def raise_failures(failures: Mapping[str, KbootstrapError], count: int, done: Sequence[str] = ()) -> None:
    """Raise the failures of a run of `count` clusters, if there are any."""
    if failures and count == 1:
        raise next(iter(failures.values()))
    if failures:
        raise ClustersFailed(failures, count, done)
