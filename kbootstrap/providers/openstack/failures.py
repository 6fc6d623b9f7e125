"""From exceptions of openstacksdk and keystoneauth to ours, with the cause and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from kbootstrap.core.errors import CredentialsRefused, DeadlinePassed, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.redact import Redactor

Kind = Literal["refused", "forbidden", "slow", "away", "missing", "incomplete", "answered", "file"]
_AGAIN = "run the same command again; when it repeats, the cloud's status page may say more"


@dataclass(frozen=True, slots=True)
class _Saying:
    """How a kind of failure is told; `{what}` completes "could not", `{where}` names the credentials."""

    error: type[CredentialsRefused | PrerequisiteMissing]
    code: str
    message: str
    hint: str


_SAYINGS: dict[Kind, _Saying] = {
    "refused": _Saying(
        CredentialsRefused,
        "KB1103",
        "OpenStack refused the credentials of {where}",
        "the password is wrong, or the application credential or token has expired: renew it, then try "
        "`openstack token issue`",
    ),
    "forbidden": _Saying(
        CredentialsRefused,
        "KB1104",
        "the credentials of {where} may not {what}",
        "the user needs the role `member` in the project; an application credential needs it too",
    ),
    "slow": _Saying(
        PrerequisiteMissing,
        "KB1105",
        "the OpenStack API of {where} does not answer in time: it was asked to {what}",
        _AGAIN,
    ),
    "away": _Saying(
        PrerequisiteMissing,
        "KB1105",
        "the OpenStack API of {where} cannot be reached: it was asked to {what}",
        "check the auth URL, this machine's network (proxy, VPN), and the cloud's status page",
    ),
    "missing": _Saying(
        PrerequisiteMissing,
        "KB1106",
        "{where} has no service that could {what}",
        "the service is not part of this cloud or region: check `region`",
    ),
    "incomplete": _Saying(
        CredentialsRefused,
        "KB1101",
        "the credentials of {where} are not complete",
        "`openstack token issue` tells whether they work",
    ),
    "file": _Saying(
        PrerequisiteMissing,
        "KB1109",
        "a file that the connection of {where} needs cannot be used: the API was asked to {what}",
        "look at the certificate files that clouds.yaml or OS_* name (`cacert`, `cert`, `key`)",
    ),
    "answered": _Saying(
        PrerequisiteMissing, "KB1107", "the OpenStack API of {where} could not {what}", _AGAIN
    ),
}


def translate(error: Exception, *, what: str, where: str, redactor: Redactor) -> KbootstrapError | None:
    """Return our error for one of the SDK's; None for what is none of it (a bug).

    `what` says what was asked ("list the servers"), `where` whose credentials were used.
    """
    kind = _kind(error)
    if kind is None:
        return None
    saying = _SAYINGS[kind]
    return saying.error(
        saying.message.format(what=what, where=where),
        hint=saying.hint,
        detail=redactor.clean(_words(error)),
        code=saying.code,
    )


def is_slow(error: Exception) -> bool:
    """Return whether a request was sent and not answered in time; by another one it may be."""
    return _kind(error) == "slow"


def late(*, what: str, where: str, seconds: float) -> DeadlinePassed:
    """Return the error for a question that took too long altogether."""
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
        # requests says so of a file of certificates that is not there, or is none.
        ((OSError,), "file"),
    )
    return next((kind for classes, kind in by_class if isinstance(error, classes)), None)


def _words(error: Exception) -> str:
    """Return what an exception says, on few lines; pages that proxies send are cut to their text."""
    text = re.sub(r"<[^>]+>", " ", f"{error}" or type(error).__name__)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(line for line in lines if line)[:600]
