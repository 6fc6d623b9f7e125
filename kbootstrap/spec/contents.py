"""Validates the content of files and variables that a spec refers to, like text in the spec itself.

Missing files and variables are not reported here, because a spec is also checked where its secrets are not
available. Diagnostics never show any part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.spec.format_kubernetes import authorized_key
from kbootstrap.spec.model import Cluster, FromEnvironment, FromFile, Reference, Spec
from kbootstrap.spec.references import Reader, is_private_key

_Check = Callable[[str], str | None]
"""Returns what is wrong with a content, None if it is valid."""

_KEY_LINE = r"^\s*(?:aws_)?{}(?:_id)?\s*[:=]\s*[\"']?([^\s\"']+)"
"""Matches `access_key: …` and, as in AWS credentials files, `aws_access_key_id = …`."""
_LOGIN_LINE = r"^\s*{}\s*[:=]\s*(?:\"(.*)\"|'(.*)'|(.*?))\s*$"
"""Matches `username: …`; the value may contain spaces."""
_HOST_KEY = re.compile(
    r"(?:@(?:cert-authority|revoked)\s+)?\S+\s+(?:ssh|ecdsa|sk)-\S+\s+[A-Za-z0-9+/]{40,}={0,3}(?:\s.*)?"
)
"""Matches a line of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""


@dataclass(frozen=True, slots=True)
class _Use:
    """One reference: its location, its purpose, and the required form of its content.

    `public`: the content is not a secret and is sent to other machines.
    """

    path: SpecPath
    reference: Reference
    what: str
    check: _Check
    public: bool = False


def problems(spec: Spec, clusters: Iterable[Cluster], env: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield the problems in the content of files and variables to which these clusters refer."""
    for use in _uses(spec, clusters):
        reader = Reader(spec.path.parent, env, use.what, "KB0365")
        if isinstance(use.reference, FromFile) and not reader.path(use.reference).is_file():
            continue  # missing, or a pipe, which can be read only once
        span = spec.source.value(use.path)
        place = reader.place(use.reference)
        try:
            wrong = use.check(reader.text(use.reference, public=use.public))
        except CredentialsRefused as error:
            if error.code == "KB0364":
                yield Diagnostic(
                    "KB0364",
                    f"{place[0].upper()}{place[1:]} holds a private key. It is named for {use.what}, which "
                    "go to other machines and into the state.",
                    error.hint or "",
                    span,
                )
            continue
        if wrong:
            yield Diagnostic(
                "KB0365",
                f"{place[0].upper()}{place[1:]} is named for {use.what}, and {wrong}.",
                "Correct it, or name another file or variable.",
                span,
            )


def bucket_keys(text: str) -> tuple[str, str]:
    """Return the two keys of a bucket from the text of a file; an empty string for a missing key."""
    return _key_line(text, "access_key"), _key_line(text, "secret_key") or _key_line(
        text, "secret_access_key"
    )


def _key_line(text: str, name: str) -> str:
    found = re.search(_KEY_LINE.format(name), text, re.MULTILINE)
    return found.group(1) if found else ""


def login(text: str) -> tuple[str, str]:
    """Return user name and password from the text of a file; an empty string for a missing one."""
    return _login_line(text, "username"), _login_line(text, "password")


def _login_line(text: str, name: str) -> str:
    found = re.search(_LOGIN_LINE.format(name), text, re.MULTILINE)
    return next((one for one in found.groups() if one is not None), "") if found else ""


def _uses(spec: Spec, clusters: Iterable[Cluster]) -> Iterator[_Use]:
    if spec.state.passphrase:
        path: SpecPath = ("state", "encryption", "passphrase")
        yield _Use(path, spec.state.passphrase, "the state's passphrase", _passphrase)
    for cluster in clusters:
        base: SpecPath = ("clusters", cluster.name)
        yield from _of_ssh(cluster, base)
        yield from _of_snapshots(cluster, base)
        yield from _of_registries(cluster, base)
        known_hosts = cluster.provider.settings.get("known_hosts")
        if isinstance(known_hosts, Mapping) and "file" in known_hosts:
            path = (*base, "provider", cluster.provider.name, "known_hosts")
            yield _Use(path, FromFile(known_hosts["file"]), "host keys", _host_keys, public=True)


def _of_ssh(cluster: Cluster, base: SpecPath) -> Iterator[_Use]:
    if cluster.ssh.private_key:
        yield _Use((*base, "ssh", "private_key"), cluster.ssh.private_key, "logging in", _identity)
    for index, key in enumerate(cluster.ssh.authorized_keys):
        if not isinstance(key, str):
            path = (*base, "ssh", "authorized_keys", index)
            yield _Use(path, key, "public keys", _public_keys, public=True)


def _of_snapshots(cluster: Cluster, base: SpecPath) -> Iterator[_Use]:
    snapshots = cluster.snapshots
    if snapshots is None:
        return
    if snapshots.passphrase:
        path = (*base, "snapshots", "passphrase")
        yield _Use(path, snapshots.passphrase, "the passphrase of snapshots", _passphrase)
    if snapshots.s3 is None:
        return
    bucket = (*base, "snapshots", "s3")
    where = snapshots.s3.credentials
    if isinstance(where, FromEnvironment):
        for suffix in ("_ACCESS_KEY", "_SECRET_KEY"):
            variable = FromEnvironment(where.name + suffix)
            yield _Use((*bucket, "credentials"), variable, "a key of the bucket", _word)
    elif where:
        yield _Use((*bucket, "credentials"), where, "the keys of the bucket", _bucket_file)
    if snapshots.s3.ca:
        yield _Use(
            (*bucket, "ca"), snapshots.s3.ca, "certificates of the S3 service", _certificates, public=True
        )


def _of_registries(cluster: Cluster, base: SpecPath) -> Iterator[_Use]:
    for name, one in cluster.registries.access.items() if cluster.registries else ():
        path = (*base, "registries", "configs", name)
        yield from _logins((*path, "credentials"), one.credentials, f"logging in to {name}")
        if one.ca:
            yield _Use((*path, "ca"), one.ca, f"certificates of {name}", _certificates, public=True)
        if one.client_certificate:
            what = f"the certificate for {name}"
            own = (*path, "client_certificate")
            yield _Use(own, one.client_certificate, what, _certificates, public=True)
        if one.client_key:
            yield _Use((*path, "client_key"), one.client_key, f"the key for {name}", _private_key)
    if cluster.proxy:
        path = (*base, "proxy", "credentials")
        yield from _logins(path, cluster.proxy.credentials, "logging in to the proxy")


def _logins(path: SpecPath, where: Reference | None, what: str) -> Iterator[_Use]:
    if isinstance(where, FromEnvironment):
        for suffix in ("_USERNAME", "_PASSWORD"):
            yield _Use(path, FromEnvironment(where.name + suffix), what, _line)
    elif where:
        yield _Use(path, where, what, _login_file)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with content, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _public_keys(text: str) -> str | None:
    lines = list(_lines(text))
    for number, line in lines:
        if flaw := authorized_key(line):
            return f"line {number} is not a public key: {flaw.reason[0].lower()}{flaw.reason[1:].rstrip('.')}"
    return None if lines else "there is no key in it"


def _identity(text: str) -> str | None:
    """Accept a private key, or a public key whose private key is in the SSH agent."""
    lines = [line for _, line in _lines(text)]
    if any(map(is_private_key, lines)) or (lines and authorized_key(lines[0]) is None):
        return None
    return "it is not an SSH key in a known format"


def _host_keys(text: str) -> str | None:
    lines = [line for _, line in _lines(text)]
    if not lines or any(_HOST_KEY.fullmatch(line) for line in lines):
        return None
    return "none of its lines is a host name or address with a type and a key, as ssh-keyscan prints them"


def _certificates(text: str) -> str | None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "it has no certificate in PEM (`-----BEGIN CERTIFICATE-----`), or a damaged one"
    return None


def _passphrase(text: str) -> str | None:
    if not text.strip():
        return "it is empty"
    return None if text.strip().replace("\t", " ").replace("\n", " ").isprintable() else "it is not text"


def _word(text: str) -> str | None:
    return None if re.fullmatch(r"[!-~]+", text.strip()) else "a key is one word without spaces"


def _line(text: str) -> str | None:
    return None if text.strip().isprintable() and text.strip() else "it is not one line of text"


def _login_file(text: str) -> str | None:
    return None if all(login(text)) else "it needs two lines: `username: …` and `password: …`"


def _private_key(text: str) -> str | None:
    return None if any(map(is_private_key, text.splitlines())) else "it is not a private key in PEM"


def _bucket_file(text: str) -> str | None:
    if all(bucket_keys(text)):
        return None
    return "it needs two lines: `access_key: …` and `secret_key: …`"
