"""Rules about OpenTofu's state: a known backend, one state for each cluster, no secrets, a lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.spec.model import Spec
from kbootstrap.spec.states import PLACES, s3_endpoint, shared

_SECRETS = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN, CONSUL_HTTP_TOKEN or KUBE_TOKEN",
    "password": "TF_HTTP_PASSWORD or KUBE_PASSWORD",
    "client_secret": "ARM_CLIENT_SECRET",
    "sas_token": "ARM_SAS_TOKEN",
    "credentials": "GOOGLE_CREDENTIALS",
    "encryption_key": "GOOGLE_ENCRYPTION_KEY",
    "sse_customer_key": "AWS_SSE_CUSTOMER_KEY",
    "secret_id": "TENCENTCLOUD_SECRET_ID",
    "http_auth": "CONSUL_HTTP_AUTH",
    "client_private_key_pem": "TF_HTTP_CLIENT_PRIVATE_KEY_PEM",
}
"""Secret settings, and the variables that the backends read instead (OpenTofu, "Backend types")."""
_URLS = {
    "conn_str": "PG_CONN_STR or PGPASSWORD",
    **dict.fromkeys(("address", "lock_address", "unlock_address"), "TF_HTTP_USERNAME and TF_HTTP_PASSWORD"),
}
"""Settings with an address, which may contain a password, and the variables for it."""
_LOGIN = r"://[^/?#]*:[^/?#]*@|password="
_UNLOCKED = ("use_lockfile", "dynamodb_table")


def known(spec: Spec) -> Iterator[Diagnostic]:
    """Reject a backend that OpenTofu does not have."""
    name = spec.state.backend
    if name not in PLACES:
        close = get_close_matches(name, PLACES, n=1)
        yield Diagnostic(
            "KB0347",
            f"OpenTofu has no backend `{name}` that kbootstrap knows.",
            f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(sorted(PLACES))}.",
            spec.source.key(("state", "backend", name)),
        )


def one_for_each_cluster(spec: Spec) -> Iterator[Diagnostic]:
    """Reject settings that would store the states of several clusters in one location."""
    name = spec.state.backend
    if name not in PLACES:
        return
    place, default = PLACES[name]
    path = ("state", "backend", name)
    if not default and place not in spec.state.settings:
        yield Diagnostic(
            "KB0348",
            f"The backend `{name}` needs `{place}`.",
            f"Write `{place}:` with `{{cluster}}` in it: https://example.org/state/{{cluster}}.",
            spec.source.key(path),
            summary="State has no place",
        )
    elif len(spec.clusters) > 1 and shared(spec):
        yield Diagnostic(
            "KB0348",
            f"`{place}` is the same for all {len(spec.clusters)} clusters: each would destroy the others.",
            f"Write `{{cluster}}` into it, or delete `{place}`: it follows from the names then."
            if default
            else "Write `{cluster}` into it: https://example.org/state/{cluster}.",
            spec.source.value((*path, place)),
            summary="Clusters would share one state",
        )


def no_secrets(spec: Spec) -> Iterator[Diagnostic]:
    """Reject secrets in the settings: they would be rendered and committed."""
    base = ("state", "backend", spec.state.backend)
    for key, value in spec.state.settings.items():
        variable, what = _SECRETS.get(key), f"`{key}` is a secret"
        if key in _URLS and re.search(_LOGIN, str(value)):
            variable, what = _URLS[key], f"`{key}` contains a password"
        if variable:
            yield Diagnostic(
                "KB0349",
                f"{what}, and everything in the spec is rendered and committed.",
                f"Delete it here, and set {variable} in the environment.",
                spec.source.key((*base, key)),
            )


def locked(spec: Spec) -> Iterator[Diagnostic]:
    """Warn if two runs could write the state at the same time."""
    settings = spec.state.settings
    base = ("state", "backend", spec.state.backend)
    if spec.state.backend == "s3" and not any(settings.get(key) for key in _UNLOCKED):
        other = s3_endpoint(spec) is not None
        yield Diagnostic(
            "KB0357",
            "Two runs on different machines could change this state at once; kbootstrap's own lock holds for "
            "this machine only.",
            "Write `use_lockfile: true` if the storage supports conditional writes (not all do: some answer "
            "501); else let only one place run apply."
            if other
            else "Write `use_lockfile: true` (OpenTofu or Terraform 1.10).",
            spec.source.key(base),
            severity=Severity.WARNING,
        )
    if spec.state.backend == "http" and "lock_address" not in settings:
        yield Diagnostic(
            "KB0357",
            "Without `lock_address` two runs on different machines could change this state at once.",
            "Write `lock_address` and `unlock_address`, if the server supports locks.",
            spec.source.key(base),
            severity=Severity.WARNING,
        )
