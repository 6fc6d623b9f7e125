"""Certificates: what stays, what is renewed, and that neither side refuses the other meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from kbootstrap.autoscaler.certificates import FILES, issued_by, renew

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = ("autoscaler.kube-system.svc", "10.43.0.9")


@pytest.fixture(scope="module")
def first() -> Mapping[str, bytes]:
    made = renew({}, NAMES, NOW)
    assert made.made == ("ca", "server", "client")
    assert tuple(made.files) == FILES
    return made.files


def certificates(files: Mapping[str, bytes], name: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(files[name])


def test_each_side_has_its_own_use(first: Mapping[str, bytes]) -> None:
    """The server's certificate opens no door as a client, and the other way round."""
    uses = {}
    for side in ("server", "client"):
        (one,) = certificates(first, f"{side}.crt")
        use = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        uses[side] = [item.dotted_string.rpartition(".")[2] for item in use]
        assert not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert uses == {"server": ["1"], "client": ["2"]}


def test_the_server_has_its_names(first: Mapping[str, bytes]) -> None:
    (one,) = certificates(first, "server.crt")
    names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAMES[0]]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == [NAMES[1]]


def test_valid_files_stay(first: Mapping[str, bytes]) -> None:
    again = renew(first, tuple(reversed(NAMES)), NOW + timedelta(days=200))
    assert (again.made, again.files) == ((), first)


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ({"server.crt": b""}, ("server",)),
        ({"client.key": b"garbage"}, ("client",)),
        ({"ca.key": b""}, ("ca",)),  # its certificate is trusted until it expires; what it issued stays
        ({"ca.crt": b"garbage"}, ("ca", "server", "client")),
    ],
)
def test_what_is_broken_is_made_again(
    first: Mapping[str, bytes], change: Mapping[str, bytes], made: tuple[str, ...]
) -> None:
    assert renew({**first, **change}, NAMES, NOW).made == made


def test_a_key_of_another_certificate(first: Mapping[str, bytes]) -> None:
    assert renew({**first, "server.key": first["client.key"]}, NAMES, NOW).made == ("server",)


def test_other_names_need_another_certificate(first: Mapping[str, bytes]) -> None:
    assert renew(first, ("other",), NOW).made == ("server",)


def test_a_third_of_the_time_is_left_for_the_renewal(first: Mapping[str, bytes]) -> None:
    assert renew(first, NAMES, NOW + timedelta(days=243)).made == ()
    assert renew(first, NAMES, NOW + timedelta(days=244)).made == ("server", "client")


def test_an_authority_has_a_successor_before_it_issues_anything(first: Mapping[str, bytes]) -> None:
    """Renewed every month for 15 years: each certificate is of an authority known the month before."""
    files: Mapping[str, bytes] = first
    known = {one.serial_number for one in certificates(files, "ca.crt")}
    successors = 0
    for month in range(1, 15 * 12):
        now = NOW + timedelta(days=30 * month)
        renewed = renew(files, NAMES, now)
        files = renewed.files
        successors += "ca" in renewed.made
        assert renewed.made in {(), ("ca",), ("server", "client")}
        for side in ("server", "client"):
            (one,) = certificates(files, f"{side}.crt")
            issuer = next(ca for ca in certificates(files, "ca.crt") if issued_by(one, ca))
            assert issuer.serial_number in known
            assert issuer.not_valid_after_utc > one.not_valid_after_utc > now
        known = {ca.serial_number for ca in certificates(files, "ca.crt")}
    assert successors == 1
    assert len(known) == 1  # the old one has expired and is gone
