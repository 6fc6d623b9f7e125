"""Our few lines of X.509 against a whole library, and what that library will not read."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.cluster.state.x509 import Validity, read

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
SMALL = ec.generate_private_key(ec.SECP256R1())
LARGE = rsa.generate_private_key(65537, 2048)

# The public certificate of a k3s server's authority, as k3s v1.32.0 made it: its serial number is 0.
RECORDED = """
MIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrM3Mtc2Vy
dmVyLWNhQDE3OTU3MTEwMTcwHhcNMjYxMTI2MTYzNjU3WhcNMzYxMTIzMTYzNjU3
WjAjMSEwHwYDVQQDDBhrM3Mtc2VydmVyLWNhQDE3OTU3MTEwMTcwWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQhGOVBjJfjqyGlAgu67EVO6RmArZM4P7bJ2pG0loZU
n1b08dUI2LVU1uMaHlJw8y3hOhGTZ7aP0ILDtIRKs1gqo0IwQDAOBgNVHQ8BAf8E
BAMCAqQwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUwIe8owSr0P+A+5hji/mC
51cbb/AwCgYIKoZIzj0EAwIDSAAwRQIhANKMdjcDt/zJD/Gxt5C5vop47Yo87Gda
DVvmm+DubauqAiBQHPYfqK8m81vNvRiJnNEOYU8AfAKAB7xOfZV8hNldlw==
"""
DER = base64.b64decode(RECORDED)


def made(
    before: datetime, after: datetime, ca: bool | None, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> bytes:
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), 1, before, after)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("x" * 150)]), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, 3 if ca else None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_an_authority_of_k3s() -> None:
    assert read(DER) == Validity(
        datetime(2026, 11, 26, 16, 36, 57, tzinfo=UTC),
        datetime(2036, 11, 23, 16, 36, 57, tzinfo=UTC),
        authority=True,
    )


@pytest.mark.parametrize("key", [SMALL, LARGE])
@pytest.mark.parametrize("ca", [True, False, None])
def test_kinds(ca: bool | None, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    before = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read(made(before, before + timedelta(days=1), ca, key)) == Validity(
        before, before + timedelta(days=1), authority=bool(ca)
    )


FIRST = datetime(1950, 1, 2, tzinfo=UTC)


@given(st.integers(0, 8000 * 365 * 86400))
def test_every_time(seconds: int) -> None:
    """Up to 2049 with two digits of the year, from 2050 on with four."""
    before = FIRST + timedelta(seconds=seconds)
    after = before + timedelta(days=365)
    assert read(made(before, after, ca=False, key=SMALL)) == Validity(before, after, authority=False)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_damaged(place: int, value: int) -> None:
    """Whatever is damaged is read, or refused as no certificate."""
    try:
        read(DER[:place] + bytes([value]) + DER[place + 1 :])
    except ValueError:
        return


@given(st.integers(0, len(DER) - 1))
def test_cut(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(DER[:length])


@given(st.binary(max_size=60))
def test_nonsense(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(data)
