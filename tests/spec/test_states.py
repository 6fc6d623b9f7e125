"""Where states are kept: settings of the spec, and what `backend.tf` says for each cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Spec
from kbootstrap.spec.states import backend_settings
from tests.spec.samples import VERSION

CLUSTER = f"{{provider: {{local: {{}}}}, {VERSION}, control_plane: {{nodes: 1}}}}"
AWAY = {
    "endpoints": {"s3": "https://s3.example.org"},
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
    "skip_s3_checksum": True,
    "use_path_style": True,
}


def text(backend: str, clusters: str = "one two") -> str:
    listed = "".join(f"  {name}: {CLUSTER}\n" for name in clusters.split())
    return f"apiVersion: kbootstrap/v1alpha1\nname: dev\nstate: {{backend: {backend}}}\nclusters:\n{listed}"


def spec(backend: str) -> Spec:
    return load_text(text(backend), Path("s.yaml")).checked(Path("s.yaml"))


@pytest.mark.parametrize(
    ("backend", "wanted"),
    [
        ("{local: {}}", {}),
        ("{local: {path: state.json}}", {"path": "state.json"}),
        (
            "{s3: {bucket: b, region: eu-1, use_lockfile: true}}",
            {"bucket": "b", "region": "eu-1", "use_lockfile": True, "key": "dev/one/terraform.tfstate"},
        ),
        (
            "{s3: {bucket: b, endpoint: https://s3.example.org}}",
            {"bucket": "b", "key": "dev/one/terraform.tfstate", "region": "us-east-1", **AWAY},
        ),
        (
            "{s3: {bucket: b, region: gra, key: '{cluster}', use_path_style: false, endpoints: {s3: https://x}}}",
            {"bucket": "b", "region": "gra", "key": "one", **AWAY}
            | {"endpoints": {"s3": "https://x"}, "use_path_style": False},
        ),
        (
            "{http: {address: 'https://x/{spec}/{cluster}', lock_address: 'https://x/{cluster}/lock'}}",
            {"address": "https://x/dev/one", "lock_address": "https://x/one/lock"},
        ),
        ("{pg: {}}", {"schema_name": "kbootstrap_dev_one"}),
        ("{kubernetes: {namespace: n}}", {"namespace": "n", "secret_suffix": "dev-one"}),
    ],
)
def test_settings(backend: str, wanted: dict[str, Any]) -> None:
    made = spec(backend)
    assert backend_settings(made, made.clusters[0]) == wanted


@pytest.mark.parametrize(
    ("backend", "codes"),
    [
        ("{s3: {bucket: b}}", ["KB0357"]),
        ("{s3: {bucket: b, use_lockfile: true}}", []),
        ("{s3: {bucket: b, use_lockfile: true, key: k}}", ["KB0348"]),
        ("{s3: {bucket: b, use_lockfile: true, secret_key: x, access_key: y}}", ["KB0349", "KB0349"]),
        ("{http: {}}", ["KB0348", "KB0357"]),
        ("{http: {address: https://x, lock_address: https://x}}", ["KB0348"]),
        ("{http: {address: 'https://x:8443/{cluster}/a@b', lock_address: 'https://me@x/{cluster}'}}", []),
        (
            "{http: {address: 'https://a:b@x/{cluster}', lock_address: 'https://:b@x', unlock_address: 'x://a:b@x'}}",
            ["KB0349"] * 3,
        ),
        ("{pg: {conn_str: 'postgres://me@db/state'}}", []),
        ("{pg: {conn_str: 'postgres://me:secret@db/state'}}", ["KB0349"]),
        ("{local: {path: /srv/state}}", ["KB0348"]),
        ("{s4: {}}", ["KB0347"]),
    ],
)
def test_rules(backend: str, codes: list[str]) -> None:
    found = load_text(text(backend), Path("s.yaml")).diagnostics
    assert sorted(problem.code for problem in found) == codes


def test_one_cluster_may_have_any_place() -> None:
    found = load_text(text("{s3: {bucket: b, key: k, use_lockfile: true}}", "one"), Path("s.yaml"))
    assert found.diagnostics == ()
