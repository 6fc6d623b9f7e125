"""What `apply` sets on a machine for its maintenance: its own updater must not compete with ours. Pure.

Keys from apt.conf(5), apt-get(8) and the configuration of unattended-upgrades (Debian, Ubuntu). Files in
`apt.conf.d` are read in the order of their names, so this one comes after those of the distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import NodeFile
from kbootstrap.distros.yaml_files import HEADER
from kbootstrap.spec.maintenance import Maintenance

SETTINGS, MODE = "/etc/apt/apt.conf.d/99-kbootstrap", 0o644
"""The file with settings of the package manager. Users other than root read it too."""
_NO_REBOOT = 'Unattended-Upgrade::Automatic-Reboot "false";\n'
_NO_UPGRADES = 'APT::Periodic::Unattended-Upgrade "0";\n'


def files(wanted: Maintenance | None, facts: NodeFacts) -> tuple[NodeFile, ...]:
    """Return the settings of the package manager of a machine; none where it has another one than apt.

    The machine never reboots by itself, and does not install updates by itself where `maintain` does.
    """
    if wanted is None or not facts.upkeep.supported:
        return ()
    text = HEADER + _NO_REBOOT + (_NO_UPGRADES if wanted.os_updates == "security" else "")
    return (NodeFile(SETTINGS, text, MODE, restart=False),)


def problems(wanted: Maintenance | None, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Warn about a machine that `maintain` cannot take care of."""
    if wanted is None or wanted.idle or facts.upkeep.supported:
        return
    yield Diagnostic(
        "KB0848",
        f"{facts.name} runs {facts.os or 'an unknown system'}, which has no apt-get: whether it needs "
        "updates or a reboot is unknown.",
        "update it by hand, or use Debian or Ubuntu; kbootstrap maintain leaves it alone",
        severity=Severity.WARNING,
    )
