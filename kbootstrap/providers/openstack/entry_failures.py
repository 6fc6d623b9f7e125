"""Translates exceptions of the SDK about an invalid entry of clouds.yaml or OS_* environment.

openstacksdk and keystoneauth validate settings late, and raise exceptions of many types: a plain `Exception`
for a missing password, errors of the cache library, a `ValueError` for a number. So while a connection is
opened, every exception that is not raised by kbootstrap's own code is attributed to the entry.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kbootstrap.core.errors import CredentialsRefused, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.redact import Redactor
from kbootstrap.providers.openstack.credentials import CredentialSource
from kbootstrap.providers.openstack.failures import translate

T = TypeVar("T")
_PACKAGE = Path(__file__).parents[2]
_NO_PASSWORD = "password is a required attribute"  # noqa: S105 - an error message
"""keystoneauth, `identity/generic/password.py`."""


def opening(step: Callable[[], T], *, what: str, found: CredentialSource, redactor: Redactor) -> T:
    """Run a step of opening a connection and return its result; translates its exceptions.

    `what` completes "the request was to …". Raises `CredentialsRefused` (KB1101, KB1103, …) and
    `PrerequisiteMissing` (KB1105, KB1110, …). Exceptions of kbootstrap's own code are not translated.
    """
    try:
        return step()
    except KbootstrapError:
        raise
    except Exception as error:
        if _is_own(error):
            raise
        raise _translated(error, what=what, found=found, redactor=redactor) from error


def _translated(
    error: Exception, *, what: str, found: CredentialSource, redactor: Redactor
) -> KbootstrapError:
    text = redactor.clean(str(error)) or type(error).__name__
    if _NO_PASSWORD in text:
        return CredentialsRefused(
            f"the credentials of {found} have no password",
            hint=_password_hint(found),
            code="KB1101",
        )
    known = translate(error, what=what, where=str(found), redactor=redactor)
    if known is not None:
        return known
    return PrerequisiteMissing(
        f"a setting of {found} is not usable: {text.splitlines()[0].rstrip('.')}",
        hint="check numbers, `cache`, `profile` and `auth_type`; `openstack token issue` reads the same "
        "settings",
        detail=f"{type(error).__name__}: {text}",
        code="KB1110",
    )


def _password_hint(found: CredentialSource) -> str:
    """Return all places for the password: a clouds.yaml from the cloud's web interface has none."""
    if found.cloud is None:
        return "set OS_PASSWORD, or load the openrc file again: it asks for the password"
    secure = found.secure or (found.file.with_name("secure.yaml") if found.file else "secure.yaml")
    return (
        f"set `password:` below `auth:` of '{found.cloud}' in {found.file}, or below the same keys in "
        f"{secure}, or use an application credential, which has its own secret. OS_PASSWORD is not read "
        "together with an entry of clouds.yaml"
    )


def _is_own(error: Exception) -> bool:
    """Return whether kbootstrap's own code raised this."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_PACKAGE)
