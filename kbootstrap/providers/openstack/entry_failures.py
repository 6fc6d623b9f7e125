"""What is wrong with an entry of clouds.yaml or the OS_* environment, from whatever the SDK raises for it.

openstacksdk and keystoneauth check settings late, and with exceptions of every kind: a plain `Exception` for
a password that is not there, errors of the cache library, a `ValueError` for a number. So while a connection
is opened every exception that is not raised by kbootstrap's own code is one of the entry.
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
_NO_PASSWORD = "password is a required attribute"  # noqa: S105 - words of an error
"""keystoneauth, `identity/generic/password.py`."""


def opening(step: Callable[[], T], *, what: str, found: CredentialSource, redactor: Redactor) -> T:
    """Return what a step of opening a connection returns; its failures become errors of the tree.

    `what` completes "it was asked to …". Raises `CredentialsRefused` (KB1101, KB1103, …) and
    `PrerequisiteMissing` (KB1105, KB1110, …). A bug of ours stays what it is.
    """
    try:
        return step()
    except KbootstrapError:
        raise
    except Exception as error:
        if _ours(error):
            raise
        raise _translated(error, what=what, found=found, redactor=redactor) from error


def _translated(
    error: Exception, *, what: str, found: CredentialSource, redactor: Redactor
) -> KbootstrapError:
    text = redactor.clean(str(error)) or type(error).__name__
    if _NO_PASSWORD in text:
        return CredentialsRefused(
            f"the credentials of {found} have no password",
            hint=_where_a_password_may_stand(found),
            code="KB1101",
        )
    known = translate(error, what=what, where=str(found), redactor=redactor)
    if known is not None:
        return known
    return PrerequisiteMissing(
        f"a setting of {found} is not usable: {text.splitlines()[0].rstrip('.')}",
        hint="look at the numbers, at `cache`, `profile` and `auth_type` there; `openstack token issue` "
        "reads the same settings",
        detail=f"{type(error).__name__}: {text}",
        code="KB1110",
    )


def _where_a_password_may_stand(found: CredentialSource) -> str:
    """Name every place that is read: the cloud's web interface hands out a clouds.yaml without a password."""
    if found.cloud is None:
        return "set OS_PASSWORD, or load the openrc file again: it asks for the password"
    secure = found.secure or (found.file.with_name("secure.yaml") if found.file else "secure.yaml")
    return (
        f"write `password:` below `auth:` of '{found.cloud}' in {found.file}, or below the same keys in "
        f"{secure}, or use an application credential, which has a secret of its own. OS_PASSWORD is not read "
        "together with an entry of clouds.yaml"
    )


def _ours(error: Exception) -> bool:
    """Return whether kbootstrap's own code raised this."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_PACKAGE)
