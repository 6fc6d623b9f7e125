"""A bucket, accessed from the operator's machine: list, read, write. S3's REST API, path style, signature V4.

Sources: AWS, "Signature Version 4 signing process" and the S3 API reference. No SDK: three requests are not
worth forty megabytes. Snapshots themselves are written and deleted by the servers.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from kbootstrap.cluster.snapshots.settings import Keys
from kbootstrap.core.errors import CredentialsRefused, InstallFailed, KbootstrapError
from kbootstrap.spec.model import S3

_DEADLINE = 120.0
"""Seconds for one request; a snapshot has some ten megabytes."""
_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class BucketObject:
    """One object: its key, size in bytes, and when it was written (epoch)."""

    key: str
    size: int
    written: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket of a spec. `authority` is PEM; None: the public authorities."""

    s3: S3
    keys: Keys | None = field(repr=False)
    authority: str | None = None

    @property
    def prefix(self) -> str:
        """The prefix of all keys of kbootstrap."""
        return f"{self.s3.folder.strip('/')}/" if self.s3.folder else ""

    async def items(self) -> tuple[BucketObject, ...]:
        """List every object of the folder; raises as `_ask`."""
        found: list[BucketObject] = []
        query = {"list-type": "2", "prefix": self.prefix}
        while True:
            root = ET.fromstring(await self._ask("GET", "", query=query))  # noqa: S314 - the operator's service
            for one in root.iter():
                if _tag(one) == "Contents":
                    values = {_tag(child): child.text or "" for child in one}
                    when = int(datetime.fromisoformat(values["LastModified"]).timestamp())
                    found.append(BucketObject(values["Key"], int(values["Size"]), when))
            more = next((one.text for one in root.iter() if _tag(one) == "NextContinuationToken"), None)
            if not more:
                return tuple(found)
            query = {**query, "continuation-token": more}

    async def read(self, key: str) -> bytes:
        """Return an object."""
        return await self._ask("GET", key)

    async def write(self, key: str, content: bytes) -> None:
        """Write an object."""
        await self._ask("PUT", key, content)

    async def _ask(
        self, verb: str, key: str, body: bytes = b"", *, query: Mapping[str, str] | None = None
    ) -> bytes:
        """Send one request; raises `CredentialsRefused` or `InstallFailed` (KB0873)."""
        import httpx2

        scheme = "http" if self.s3.insecure else "https"
        path = quote(f"/{self.s3.bucket}/{key}" if key else f"/{self.s3.bucket}")
        words = "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in sorted((query or {}).items()))
        headers = signed(verb, self.s3, path, words, body, self.keys, datetime.now(UTC))
        url = f"{scheme}://{self.s3.endpoint}{path}" + (f"?{words}" if words else "")
        verify = ssl.create_default_context(cadata=self.authority)
        try:
            async with httpx2.AsyncClient(verify=verify, timeout=_DEADLINE, trust_env=False) as client:
                answer = await client.request(verb, url, headers=headers, content=body or None)
        except (httpx2.HTTPError, OSError) as error:
            raise self._failed(str(error) or type(error).__name__, InstallFailed) from error
        if answer.is_success:
            return bytes(answer.content)
        kind = CredentialsRefused if answer.status_code in _REFUSED else InstallFailed
        raise self._failed(f"{verb} {path}: status {answer.status_code}\n{answer.text[:300]}", kind)

    def _failed(self, detail: str, kind: type[KbootstrapError]) -> KbootstrapError:
        return kind(
            f"the bucket {self.s3.bucket} at {self.s3.endpoint} does not answer correctly",
            hint="look at `snapshots.s3` in the spec, at the keys, and whether this machine reaches it",
            detail=detail,
            code="KB0873",
        )


def signed(
    verb: str, s3: S3, path: str, query: str, body: bytes, keys: Keys | None, now: datetime
) -> dict[str, str]:
    """Return the headers of a request, unsigned without keys; pure."""
    digest = hashlib.sha256(body).hexdigest()
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": s3.endpoint, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if keys is None:
        return headers
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"{verb}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{stamp[:8]}/{s3.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}"
    return {**headers, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}


def _tag(one: ET.Element) -> str:
    return one.tag.rpartition("}")[2]


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
