"""The Secrets of both programs: certificates that fit, a key of their own, and their mark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kbootstrap.autoscaler.certificates import issued_by
from kbootstrap.autoscaler.pods import contents
from kbootstrap.autoscaler.pods.settings import HOST_NAME
from kbootstrap.autoscaler.tls import read
from kbootstrap.cluster.state.pods_mark import PodsMark, token_mark
from kbootstrap.core.redact import Redactor
from kbootstrap.providers.capabilities import AccessFiles

NOW = datetime.now(UTC)
TOKEN = f"K10{64 * 'a'}::node:password-of-agents"
ACCESS = AccessFiles(
    "ac-1.0123", {"clouds.yaml": "the credential"}, ("ssh-ed25519 AAAA anna", "ssh-rsa BBBB")
)


def test_both_sides_trust_each_other(tmp_path: Path) -> None:
    made = contents.secrets(ACCESS, TOKEN, NOW, Redactor())
    assert [*made] == ["cluster-autoscaler", "kbootstrap-autoscaler"], "the one with the mark is written last"
    client, server = (dict(made[name].data) for name in made)
    assert client["ca.crt"] == server["ca.crt"]
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (tmp_path / name).write_text(server[name])
    assert read(tmp_path).expires > (NOW + timedelta(days=360)).timestamp()
    authority = x509.load_pem_x509_certificate(client["ca.crt"].encode())
    for pem, use in (
        (client["client.crt"], ExtendedKeyUsageOID.CLIENT_AUTH),
        (server["tls.crt"], ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        certificate = x509.load_pem_x509_certificate(pem.encode())
        assert issued_by(certificate, authority)
        assert [*certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value] == [use]
    names = x509.load_pem_x509_certificate(server["tls.crt"].encode()).extensions
    found = names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert found == [HOST_NAME]


def test_each_pod_has_what_it_needs_and_no_more() -> None:
    made = contents.secrets(ACCESS, TOKEN, NOW, Redactor())
    assert made["cluster-autoscaler"].data.keys() == {"ca.crt", "client.crt", "client.key"}
    server = made["kbootstrap-autoscaler"].data
    assert server.keys() == {
        *("ca.crt", "tls.crt", "tls.key", "agent-token", "ssh-key", "authorized-keys", "clouds.yaml")
    }
    assert server["agent-token"] == f"{TOKEN}\n"
    assert server["authorized-keys"] == "ssh-ed25519 AAAA anna\nssh-rsa BBBB\n"
    assert asyncssh.import_private_key(server["ssh-key"]).get_algorithm() == "ssh-ed25519"


def test_nothing_is_made_twice() -> None:
    one, two = (contents.secrets(ACCESS, TOKEN, NOW, Redactor())["kbootstrap-autoscaler"].data for _ in "12")
    for name in ("ca.crt", "tls.key", "ssh-key"):
        assert one[name] != two[name]


def test_the_mark_says_what_they_are_made_with() -> None:
    mark = PodsMark.read(contents.secrets(ACCESS, TOKEN, NOW, Redactor())["kbootstrap-autoscaler"].mark)
    assert mark is not None
    good, now = frozenset({"ac-1.0123"}), NOW.timestamp()
    assert mark.stale(good, now, token_mark(TOKEN)) == ""
    assert mark.stale(good, now, "") == "", "of servers that disagree"
    assert "token" in mark.stale(good, now, token_mark("another"))
    assert "credential" in mark.stale(frozenset(), now, token_mark(TOKEN))
    day = 24 * 3600
    assert mark.stale(good, now + 243 * day, token_mark(TOKEN)) == ""
    assert "two thirds" in mark.stale(good, now + 244 * day, token_mark(TOKEN))


def test_a_mark_of_others() -> None:
    assert PodsMark.read("") is None
    assert PodsMark.read("a b c") is None
    assert PodsMark.read("ac-1 1 x y") is None
    assert token_mark("short") == token_mark(f"K10{64 * 'b'}::node:short\n")


def test_secrets_are_masked_and_in_no_mark() -> None:
    redactor = Redactor()
    made = contents.secrets(ACCESS, TOKEN, NOW, redactor)
    server = made["kbootstrap-autoscaler"]
    secret = (server.data["ssh-key"], server.data["tls.key"], made["cluster-autoscaler"].data["client.key"])
    for one in (*secret, TOKEN):
        assert one.strip() not in redactor.clean(f"it was {one.strip()}")
        assert one.strip() not in server.mark
    assert "password-of-agents" not in repr(made)
