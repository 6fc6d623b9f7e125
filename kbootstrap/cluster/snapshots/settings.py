"""Reads the values that `snapshots:` of the spec refers to: keys, authority and passphrase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.model import Paths
from kbootstrap.distros.yaml_files import dump
from kbootstrap.spec.contents import bucket_keys
from kbootstrap.spec.model import S3, FromEnvironment, Reference, Snapshots
from kbootstrap.spec.references import Reader

_NOTE = "Keys of the bucket for snapshots, from where the spec says that they are read."


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of a bucket."""

    access: str = field(repr=False)
    secret: str = field(repr=False)


def read_keys(s3: S3, reader: Reader, redactor: Redactor) -> Keys | None:
    """Return the keys of the bucket; None if the spec sets none. Raises `CredentialsRefused` (KB0871)."""
    where = s3.credentials
    if where is None:
        return None
    if isinstance(where, FromEnvironment):
        access = reader.text(FromEnvironment(f"{where.name}_ACCESS_KEY")).strip()
        secret = reader.text(FromEnvironment(f"{where.name}_SECRET_KEY")).strip()
    else:
        text = reader.text(where)
        access, secret = bucket_keys(text)
        if not access or not secret:
            raise CredentialsRefused(
                f"the file {reader.path(where)} does not have the keys of the bucket",
                hint="it needs two lines: `access_key: …` and `secret_key: …`",
                code="KB0871",
            )
    redactor.add(access)
    return Keys(access, redactor.add(secret))


def read_authority(s3: S3, reader: Reader) -> str | None:
    """Return the certificate authority (PEM) of the S3 service; None if the spec sets none."""
    return reader.text(s3.ca, public=True) if s3.ca else None


def read_passphrase(reference: Reference, reader: Reader, redactor: Redactor) -> str:
    """Return the passphrase of the tokens."""
    return redactor.add(reader.text(reference).strip())


def private_files(
    snapshots: Snapshots | None, paths: Paths, reader: Reader, redactor: Redactor
) -> Mapping[str, str]:
    """Return the secret files that servers need for the bucket: content by path."""
    s3 = snapshots.s3 if snapshots else None
    if s3 is None:
        return {}
    found: dict[str, str] = {}
    if keys := read_keys(s3, reader, redactor):
        values = {"etcd-s3-access-key": keys.access, "etcd-s3-secret-key": keys.secret}
        # Without our header: facts read the text of files that begin with it.
        found[paths.s3] = f"# {_NOTE}\n" + dump(values).partition("\n")[2]
    if authority := read_authority(s3, reader):
        found[paths.s3_ca] = authority
    return found
