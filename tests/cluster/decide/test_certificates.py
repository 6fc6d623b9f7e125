from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kbootstrap.cluster.decide.certificates import ending, first, problems, until
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.observe.facts import parse, script
from kbootstrap.cluster.state.certificates import Certificate, read
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Severity
from kbootstrap.distros import find
from tests.cluster.world import api, desired_cluster, facts

K3S = find("k3s")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
YEAR, TEN_YEARS = timedelta(days=365), timedelta(days=3650)


def made(not_after: datetime, *, ca: bool | None = False) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "system:admin")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, not_after - YEAR, not_after)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(key, hashes.SHA256())


def encoded(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(("ca", "kind"), [(True, "ca"), (False, "leaf"), (None, "leaf")])
def test_a_certificate_is_read(ca: bool | None, kind: str) -> None:
    found = read("server/tls/client-admin.crt", encoded(made(NOW, ca=ca)))
    assert found is not None
    assert found == Certificate("server/tls/client-admin.crt", NOW, kind, NOW - YEAR)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "!", base64.b64encode(b"no certificate").decode()])
def test_what_is_none(text: str) -> None:
    assert read("x.crt", text) is None


def test_the_first_of_each_kind_counts() -> None:
    found = [Certificate("b", NOW), Certificate("a", NOW), Certificate("ca", NOW - timedelta(1), "ca")]
    assert first(found, "leaf") == Certificate("a", NOW)
    assert first(found, "ca") == found[2]
    assert first([], "ca") is None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=12, hours=3), "expires in 12 days (2026-12-08)"),
        (timedelta(days=1), "expires in 1 day (2026-11-27)"),
        (timedelta(hours=1), "expires in 0 days (2026-11-26)"),
        (timedelta(0), "expired on 2026-11-26"),
        (timedelta(days=-3), "expired on 2026-11-23"),
    ],
)
def test_until(left: timedelta, said: str) -> None:
    assert until(Certificate("x", NOW + left), NOW) == said


def node(name: str, *days: int, ca: int = 3000) -> NodeFacts:
    leaves = (Certificate(f"server/tls/{n}.crt", NOW + timedelta(days=left)) for n, left in enumerate(days))
    authority = Certificate("server/tls/server-ca.crt", NOW + timedelta(days=ca), "ca")
    return NodeFacts(name, time=NOW, certificates=(*leaves, authority))


def test_nothing_is_said_of_certificates_that_last() -> None:
    assert list(problems({"a": node("a", 90, 365, ca=365), "b": NodeFacts("b")})) == []


def test_the_first_to_run_out_is_named() -> None:
    (found,) = problems({"a": node("a", 89), "b": node("b", 200, -2), "c": node("c", 300)})
    assert (found.code, found.severity) == ("KB0880", Severity.WARNING)
    assert found.reason == "On b server/tls/1.crt expired on 2026-11-24, and others on 1 more node."
    assert "kbootstrap rotate certificates" in found.help


def test_authorities_are_distinguished() -> None:
    (found,) = problems({"a": node("a", 200, ca=364), "b": node("b", 200, ca=300), "c": node("c", 200, ca=2)})
    assert found.code == "KB0881"
    assert found.reason.startswith("On c server/tls/server-ca.crt expires in 2 days (")
    assert found.reason.endswith(", and others on 2 more nodes.")


def test_ending() -> None:
    assert ending(node("a", 89), "leaf") == Certificate("server/tls/0.crt", NOW + timedelta(days=89))
    assert ending(node("a", 90), "leaf") is None
    assert ending(node("a", 90), "ca") is None


def test_a_plan_warns_and_is_not_refused() -> None:
    plan = desired_cluster(1, 1)
    soon = [{"name": "agent/client-kubelet.crt", "not_after": NOW, "kind": "leaf"}]
    states = {"*": {"is": "running", "time": NOW, "certificates": tuple(Certificate(**one) for one in soon)}}  # type: ignore[arg-type]
    decided = decide(plan, facts(plan, states), api(plan, {"*": {"etcd": True}}))
    assert [problem.code for problem in decided.diagnostics] == ["KB0880"]
    assert decided.empty


def test_the_script_reads_files_and_prints_no_key(tmp_path: Path) -> None:
    """Keys before and behind, an authority behind its leaf; what is no certificate is left out."""
    leaf, authority = made(NOW), made(NOW + TEN_YEARS, ca=True)
    pem = {one: one.public_bytes(Encoding.PEM).decode() for one in (leaf, authority)}
    key = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"
    tls = tmp_path / "server/tls"
    (tls / "etcd").mkdir(parents=True)
    (tmp_path / "agent").mkdir()
    (tls / "client-admin.crt").write_text(pem[leaf] + pem[authority] + key)
    (tls / "server-ca.crt").write_text(pem[authority])
    (tls / "etcd/client.crt").write_text(pem[leaf])
    (tmp_path / "agent/client-kubelet.crt").write_text(key + pem[leaf])
    (tmp_path / "agent/broken.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    text = script(K3S).replace("data=/var/lib/rancher/k3s\n", f"data={tmp_path}\n", 1)
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    found = parse("here", done.stdout, K3S, now=0.0)
    assert found.certificates == (
        Certificate("server/tls/client-admin.crt", NOW, "leaf", NOW - YEAR),
        Certificate("server/tls/server-ca.crt", NOW + TEN_YEARS, "ca", NOW + TEN_YEARS - YEAR),
        Certificate("server/tls/etcd/client.crt", NOW, "leaf", NOW - YEAR),
        Certificate("agent/client-kubelet.crt", NOW, "leaf", NOW - YEAR),
    )
    assert "c2VjcmV0" not in done.stdout
    assert abs(found.time - datetime.now(UTC)) < timedelta(minutes=5)
