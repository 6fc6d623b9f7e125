"""Known limits of a cloud's object storage as a backend for the OpenTofu state."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.providers.openstack.profiles import PROFILES
from kbootstrap.spec.model import Spec
from kbootstrap.spec.states import s3_endpoint


def lock_problems(spec: Spec) -> Iterator[Diagnostic]:
    """Reject a lock file in a storage without conditional writes: each run would fail."""
    host = urlsplit(s3_endpoint(spec) or "").hostname
    if not host or not spec.state.settings.get("use_lockfile"):
        return
    for profile in PROFILES.values():
        hosts = {urlsplit(url).hostname for url in profile.s3_endpoints.values()}
        if host in hosts and not profile.s3_locking:
            yield Diagnostic(
                "KB0358",
                f"Object storage of {profile.name} does not support conditional writes, which the lock file "
                "of OpenTofu needs.",
                "Delete `use_lockfile`, and run apply from only one machine.",
                spec.source.key(("state", "backend", "s3", "use_lockfile")),
            )
