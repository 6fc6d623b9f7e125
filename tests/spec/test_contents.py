"""The content of files and variables that a spec names: what is refused, and at which line."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.spec import contents
from kbootstrap.spec.load import load
from kbootstrap.spec.model import FromFile
from kbootstrap.spec.references import Reader

# The same key in every worker: what it says is part of the names of tests.
KEY = asyncssh.import_private_key(
    Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
)
PRIVATE = KEY.export_private_key().decode()
PUBLIC = KEY.export_public_key().decode().strip()
SECRET_LINES = [line for line in PRIVATE.splitlines() if line and not line.startswith("-")]
PLACES = {
    "authorized_keys": "ssh: {authorized_keys: [%s]}",
    "private_key": "ssh: {private_key: %s}",
    "passphrase": "snapshots: {passphrase: %s}",
    "credentials": "snapshots: {s3: {bucket: etcd, endpoint: s3.example.org, credentials: %s}}",
    "ca": "snapshots: {s3: {bucket: etcd, endpoint: s3.example.org, credentials: {env: NO}, ca: %s}}",
}


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now).not_valid_after(now + dt.timedelta(1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


CERTIFICATE = certificate()


def found(folder: Path, body: str, env: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Return code and reason of every problem; each stands at the reference, and shows nothing secret."""
    spec = folder / "spec.yaml"
    spec.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n  c:\n    provider: {local: {}}\n"
        f"    kubernetes: {{version: v1.32.0+k3s1}}\n    control_plane: {{nodes: 1}}\n    {body}\n"
    )
    made = load(spec).checked(spec)
    problems = list(contents.problems(made, made.clusters, env or {}))
    assert all(problem.span is not None and problem.span.line == 8 for problem in problems)
    assert not any(line in str(problem) for line in SECRET_LINES for problem in problems)
    return [(problem.code, problem.reason) for problem in problems]


@pytest.mark.parametrize("place", ["authorized_keys", "ca"])
@pytest.mark.parametrize(
    "content",
    [
        PRIVATE,
        f"# mine\n{PUBLIC}\n{PRIVATE}",
        PRIVATE.replace("\n", "\r\n"),
        KEY.export_private_key("pkcs8-pem").decode(),
        "PuTTY-User-Key-File-3: ssh-ed25519\n",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
        "AGE-SECRET-KEY-1QQQ\n",
    ],
)
def test_a_private_key_where_a_public_one_belongs(tmp_path: Path, place: str, content: str) -> None:
    (tmp_path / "id").write_text(content)
    ((code, reason),) = found(tmp_path, PLACES[place] % "{file: id}")
    assert code == "KB0364"
    assert str(tmp_path / "id") in reason
    ((code, reason),) = found(tmp_path, PLACES[place] % "{env: KEY}", {"KEY": content})
    assert code == "KB0364"
    assert "variable KEY" in reason


def test_a_private_key_is_read_no_further_than_its_first_line(tmp_path: Path) -> None:
    """A pipe without an end: what would read on would wait for ever."""
    read, write = os.pipe()
    os.write(write, b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    try:
        with pytest.raises(CredentialsRefused) as caught:
            Reader(tmp_path, {}, "SSH", "KB0609").text(FromFile(f"/dev/fd/{read}"), public=True)
        assert caught.value.code == "KB0364"
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("authorized_keys", PUBLIC),
        ("authorized_keys", f"# team\n\n{PUBLIC}\r\n  {PUBLIC} anna\n"),
        ("authorized_keys", f'restrict,from="10.0.0.0/8, \\" x",pty {PUBLIC}\n'),
        ("private_key", PRIVATE),
        ("private_key", PUBLIC),
        ("private_key", KEY.export_private_key("pkcs8-pem", passphrase="x").decode()),
        ("passphrase", "correct horse battery staple\n"),
        ("credentials", "access_key: anna\nsecret_key: hidden\n"),
        ("credentials", "[default]\naws_access_key_id = anna\naws_secret_access_key = hidden\n"),
        ("ca", CERTIFICATE),
        ("ca", f"# first\n{CERTIFICATE}{CERTIFICATE}"),
    ],
)
def test_what_fits(tmp_path: Path, place: str, content: str) -> None:
    (tmp_path / "it").write_text(content)
    assert found(tmp_path, PLACES[place] % "{file: it}") == []


@pytest.mark.parametrize(
    ("place", "content", "part"),
    [
        ("authorized_keys", "", "no key in it"),
        ("authorized_keys", "# nothing\n", "no key in it"),
        ("authorized_keys", "ssh-ed25519 AAAA anna", "line 1 is not a public key"),
        ("authorized_keys", f"{PUBLIC}\n{PUBLIC[:-6]}", "line 2 is not a public key: the key is cut off"),
        ("authorized_keys", PUBLIC.replace("ssh-ed25519", "ssh-rsa", 1), "another type"),
        ("authorized_keys", CERTIFICATE, "line 1 is not a public key"),
        ("private_key", "spec: {}\n", "not an SSH key in a known format"),
        ("private_key", CERTIFICATE, "not an SSH key in a known format"),
        ("passphrase", " \n", "it is empty"),
        ("passphrase", "a\x00b", "it is not text"),
        ("credentials", "anna:hidden", "two lines"),
        ("ca", PUBLIC, "no certificate in PEM"),
        ("ca", CERTIFICATE.replace("MII", "MIX", 1), "damaged"),
        ("ca", CERTIFICATE[:200], "damaged"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, place: str, content: str, part: str) -> None:
    (tmp_path / "it").write_text(content)
    ((code, reason),) = found(tmp_path, PLACES[place] % "{file: it}")
    assert code == "KB0365"
    assert part in reason


def test_keys_of_a_bucket_in_the_environment(tmp_path: Path) -> None:
    body = PLACES["credentials"] % "{env: S3}"
    assert found(tmp_path, body, {"S3_ACCESS_KEY": "anna", "S3_SECRET_KEY": "a/b+c"}) == []
    ((code, reason),) = found(tmp_path, body, {"S3_ACCESS_KEY": "anna", "S3_SECRET_KEY": "two words"})
    assert code == "KB0365"
    assert "variable S3_SECRET_KEY" in reason


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_file_is_not_a_problem_of_the_spec(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for reference in ("{file: missing}", "{file: pipe}", "{file: .}", "{env: MISSING}"):
        assert found(tmp_path, PLACES[place] % reference) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"10.0.0.1 {PUBLIC}\n", None),
        (f"@cert-authority *.example.org {PUBLIC}\n|1|a=|b= {PUBLIC} x\n", None),
        ("", None),
        (PUBLIC, "KB0365"),
        (PRIVATE, "KB0364"),
    ],
)
def test_host_keys(tmp_path: Path, content: str, code: str | None) -> None:
    (tmp_path / "known").write_text(content)
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n  c:\n"
        "    provider: {ssh: {known_hosts: {file: known}}}\n    kubernetes: {version: v1.32.0+k3s1}\n"
        "    control_plane: {hosts: [{name: cp-1, address: 10.0.0.1}]}\n"
    )
    made = load(spec).checked(spec)
    problems = list(contents.problems(made, made.clusters, {}))
    assert [(p.code, p.span and p.span.line) for p in problems] == ([(code, 5)] if code else [])


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1])
def test_a_huge_file_is_not_read_into_memory(tmp_path: Path, size: int) -> None:
    (tmp_path / "big").write_bytes(b"a" * size)
    reader = Reader(tmp_path, {}, "SSH", "KB0609")
    if size <= 1024 * 1024:
        assert len(reader.text(FromFile("big"))) == size
    else:
        with pytest.raises(CredentialsRefused, match="larger than 1 MiB"):
            reader.text(FromFile("big"))


@pytest.mark.parametrize("secret", [PRIVATE])
def test_inline_keys_are_checked_alike(tmp_path: Path, secret: str) -> None:
    spec = tmp_path / "spec.yaml"
    for key in (secret, PUBLIC[:-6]):
        spec.write_text(
            "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n  c:\n    provider: {local: {}}\n"
            "    kubernetes: {version: v1.32.0+k3s1}\n    control_plane: {nodes: 1}\n"
            f"    ssh: {{authorized_keys: [{key!r}]}}\n"
        )
        assert [problem.code for problem in load(spec).diagnostics] == ["KB0210"]


@pytest.mark.parametrize(
    ("body", "env", "reason"),
    [
        ("registries: {configs: {r.test: {credentials: {file: f}}}}", {}, "two lines: `username: …`"),
        ("proxy: {url: 'http://p.test', credentials: {file: f}}", {}, "two lines: `username: …`"),
        ("registries: {configs: {r.test: {ca: {file: f}}}}", {}, "no certificate in PEM"),
        (
            "registries: {configs: {r.test: {client_certificate: {file: c}, client_key: {file: f}}}}",
            {},
            "not a private key",
        ),
        (
            "registries: {configs: {r.test: {credentials: {env: R}}}}",
            {"R_USERNAME": "anna", "R_PASSWORD": "a\nb"},
            "not one line of text",
        ),
    ],
)
def test_contents_for_registries_and_the_proxy(
    tmp_path: Path, body: str, env: dict[str, str], reason: str
) -> None:
    (tmp_path / "f").write_text("username: anna\n")
    (tmp_path / "c").write_text(CERTIFICATE)
    ((code, said),) = found(tmp_path, body, env)
    assert code == "KB0365"
    assert reason in said


def test_right_contents_for_registries(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("username: anna\npassword: 'two words'\n")
    (tmp_path / "c").write_text(CERTIFICATE)
    (tmp_path / "key").write_text(KEY.export_private_key("pkcs8-pem").decode())
    own = "credentials: {file: login}, ca: {file: c}, client_certificate: {file: c}, client_key: {file: key}"
    assert found(tmp_path, f"registries: {{configs: {{r.test: {{{own}}}}}}}") == []
    assert contents.login("username: anna\npassword: 'two words'\n") == ("anna", "two words")
