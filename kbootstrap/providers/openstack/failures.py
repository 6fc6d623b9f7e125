"""Translates exceptions of openstacksdk and keystoneauth into errors with a cause and a hint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from kbootstrap.core.errors import CredentialsRefused, DeadlinePassed, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.redact import Redactor

Kind = Literal["refused", "forbidden", "slow", "away", "missing", "incomplete", "answered", "file"]
_AGAIN = "run the same command again; if the error persists, check the cloud's status page"


@dataclass(frozen=True, slots=True)
class _FailureText:
    """The text of a kind of failure. `{what}` completes "could not", `{where}` names the credentials."""

    error: type[CredentialsRefused | PrerequisiteMissing]
    code: str
    message: str
    hint: str


_TEXTS: dict[Kind, _FailureText] = {
    "refused": _FailureText(
        CredentialsRefused,
        "KB1103",
        "OpenStack refused the credentials of {where}",
        "the password is wrong, or the application credential or token has expired: renew it, then run "
        "`openstack token issue`",
    ),
    "forbidden": _FailureText(
        CredentialsRefused,
        "KB1104",
        "the credentials of {where} may not {what}",
        "the user needs the role `member` in the project; an application credential needs it too",
    ),
    "slow": _FailureText(
        PrerequisiteMissing,
        "KB1105",
        "the OpenStack API of {where} does not respond in time; the request was to {what}",
        _AGAIN,
    ),
    "away": _FailureText(
        PrerequisiteMissing,
        "KB1105",
        "the OpenStack API of {where} cannot be reached; the request was to {what}",
        "check the auth URL, this machine's network (proxy, VPN), and the cloud's status page",
    ),
    "missing": _FailureText(
        PrerequisiteMissing,
        "KB1106",
        "{where} has no service to {what}",
        "the service is not part of this cloud or region: check `region`",
    ),
    "incomplete": _FailureText(
        CredentialsRefused,
        "KB1101",
        "the credentials of {where} are not complete",
        "verify them with `openstack token issue`",
    ),
    "file": _FailureText(
        PrerequisiteMissing,
        "KB1109",
        "a file that the connection of {where} needs cannot be used; the request was to {what}",
        "check the certificate files in clouds.yaml or OS_* (`cacert`, `cert`, `key`)",
    ),
    "answered": _FailureText(
        PrerequisiteMissing, "KB1107", "the OpenStack API of {where} could not {what}", _AGAIN
    ),
}


def translate(error: Exception, *, what: str, where: str, redactor: Redactor) -> KbootstrapError | None:
    """Return the error for an exception of the SDK; None for any other exception (a bug).

    `what` is the request ("list the servers"), `where` the credentials.
    """
    kind = _kind(error)
    if kind is None:
        return None
    text = _TEXTS[kind]
    return text.error(
        text.message.format(what=what, where=where),
        hint=text.hint,
        detail=redactor.clean(_message(error)),
        code=text.code,
    )


def is_slow(error: Exception) -> bool:
    """Return whether a request timed out; a retry can succeed."""
    return _kind(error) == "slow"


def deadline_passed(*, what: str, where: str, seconds: float) -> DeadlinePassed:
    """Return the error for a query that exceeded its total time."""
    return DeadlinePassed(
        f"the OpenStack API of {where} did not {what} within {seconds:.0f} s", hint=_AGAIN, code="KB1105"
    )


def _kind(error: Exception) -> Kind | None:
    from keystoneauth1 import exceptions as keystone
    from openstack import exceptions as sdk
    from requests.exceptions import RequestException, Timeout

    status = getattr(error, "http_status", None) or getattr(error, "status_code", None)
    by_status: dict[object, Kind] = {HTTPStatus.UNAUTHORIZED: "refused", HTTPStatus.FORBIDDEN: "forbidden"}
    if status in by_status:
        return by_status[status]
    by_class: tuple[tuple[tuple[type[Exception], ...], Kind], ...] = (
        ((sdk.EndpointNotFound, keystone.CatalogException), "missing"),
        ((sdk.HttpException, keystone.HttpError), "answered"),
        ((keystone.ConnectTimeout, Timeout, sdk.ResourceTimeout), "slow"),
        ((keystone.ConnectionError, keystone.DiscoveryFailure, RequestException), "away"),
        ((keystone.AuthPluginException, keystone.AuthorizationFailure), "incomplete"),
        ((keystone.ClientException, sdk.SDKException), "answered"),
        # requests raises it for a certificate file that is missing or invalid.
        ((OSError,), "file"),
    )
    return next((kind for classes, kind in by_class if isinstance(error, classes)), None)


def _message(error: Exception) -> str:
    """Return the message of an exception, shortened; HTML pages of proxies are reduced to their text."""
    text = re.sub(r"<[^>]+>", " ", f"{error}" or type(error).__name__)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(line for line in lines if line)[:600]
