from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kbootstrap.core.diagnostics import errors
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.spec import derive, schemas
from kbootstrap.spec.load import load, load_text
from kbootstrap.spec.model import S3, ApiSettings, Autoscaling, FromEnvironment, FromFile, Taint, Volume
from tests.calls import counting
from tests.spec.samples import HEAD, VERSION, spec_of
from tests.specs import SPECS


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_specs_of_the_project_are_valid(path: Path) -> None:
    if path.name.endswith(".lock.yaml"):
        return
    loaded = load(path)
    assert not errors(loaded.diagnostics)
    assert loaded.spec is not None


def test_a_state_without_lock_is_warned_of_and_nothing_else() -> None:
    loaded = {path.stem: load(path).diagnostics for path in SPECS.glob("*.yaml") if "lock" not in path.name}
    assert {stem: [d.code for d in found] for stem, found in loaded.items() if found} == {
        "exponent": ["KB0357"]
    }


def test_the_whole_language() -> None:
    spec = load(SPECS / "exponent.yaml").checked(SPECS / "exponent.yaml")
    assert (spec.name, [c.name for c in spec.clusters]) == ("exponent", ["tools", "production", "test"])
    assert (spec.state.backend, spec.state.passphrase) == ("s3", FromEnvironment("KB_STATE_PASSPHRASE"))
    production = spec.cluster("production")
    web, db = production.pools
    assert (web.nodes, web.capacity, web.autoscaling) == (
        2,
        12,
        Autoscaling(2, 12, ("a4-ram16-disk50-perf1",)),
    )
    assert db.taints == (Taint("dedicated", "db", "NoSchedule"),)
    assert str(db.taints[0]) == "dedicated=db:NoSchedule"
    assert db.volumes == (Volume("data", 200, "CEPH_1_perf1", "/var/lib/data"),)
    assert production.control_plane.anti_affinity == "hard"
    assert production.ssh.authorized_keys == (FromFile("~/.ssh/id_ed25519.pub"),)
    assert production.snapshots is not None
    s3 = S3("exponent-etcd", "s3.pub1.infomaniak.cloud", "us-east-1", None, FromEnvironment("KB_S3"))
    assert production.snapshots.s3 == s3
    assert (production.pod_isolation, production.load_balancers[0].ports) == ("default_deny", (80, 443))
    assert spec.cluster("test").api == ApiSettings("floating_ip", ())  # one server
    assert load(SPECS / "local.yaml").checked(SPECS / "local.yaml").clusters[0].api == ApiSettings(None, ())
    with pytest.raises(KeyError):
        spec.cluster("nope")


def test_defaults_of_the_language() -> None:
    (cluster,) = load(SPECS / "local.yaml").checked(SPECS / "local.yaml").clusters
    assert cluster.kubernetes.disable == ("traefik", "servicelb")
    assert str(cluster.kubernetes.pod_cidr) == "10.42.0.0/16"
    assert cluster.provider.settings == {"engine": "auto"}
    assert cluster.network == derive.network("dev", "local")
    assert 20000 <= derive.api_port("dev", cluster) < 30000
    assert (cluster.snapshots, cluster.control_plane.name) == (None, "control-plane")


def test_derived_values_never_change() -> None:
    assert str(derive.network("dev", "local").cidr) == "10.184.0.0/16"
    (cluster,) = spec_of((SPECS / "local.yaml").read_text("utf-8")).clusters
    assert derive.api_port("dev", cluster) == derive.FIRST_PORT + derive.number("dev", "local") % 10000


def test_top_level_place_for_anchors() -> None:
    common = f"{{provider: {{local: {{}}}}, {VERSION}, control_plane: {{nodes: 1}}}}"
    text = f"x-common: &common {common}\n{HEAD}  c: *common\n"
    assert spec_of(text).clusters[0].name == "c"


def test_checked_raises_with_all_problems() -> None:
    with pytest.raises(SpecInvalid) as caught:
        load_text("name: dev\n", Path("spec.yaml")).checked(Path("spec.yaml"))
    assert caught.value.exit_code == 3
    assert str(caught.value) == "spec.yaml has 2 problems"
    assert len(caught.value.diagnostics) == 2


def test_every_provider_schema_is_found_by_its_name() -> None:
    assert {"local", "openstack", "ssh"} <= set(schemas.providers())


CLUSTER = """\
  c{0}:
    provider: {{local: {{api_port: {1}}}}}
    kubernetes: {{version: v1.32.0+k3s1, pod_cidr: 172.16.0.0/16, service_cidr: 172.17.0.0/16}}
    network: {{cidr: 10.{0}.0.0/16, control_plane: 10.{0}.0.0/24, agents: 10.{0}.4.0/22}}
    control_plane: {{nodes: 3}}
    pools:
"""
POOL = """\
      - name: p{0}
        nodes: 2
        labels: {{tier: web, zone: z{0}}}
        taints: ["a=b:NoSchedule"]
"""


def large(clusters: int, pools: int) -> str:
    own = "".join(POOL.format(number) for number in range(pools))
    return HEAD + "".join(
        CLUSTER.format(number, 20000 + number) + own for number in range(100, 100 + clusters)
    )


def test_five_thousand_lines() -> None:
    text = large(40, 30)
    assert len(text.splitlines()) > 5000
    assert load_text(text, Path("x")).diagnostics == ()


@pytest.mark.parametrize(("clusters", "pools"), [(8, 8), (4, 16)])
def test_twice_the_size_costs_at_most_twice(clusters: int, pools: int) -> None:
    def cost(text: str) -> int:
        with counting() as count:
            load_text(text, Path("x"))
            return count()

    cost(large(4, 8))  # what is imported and compiled once
    assert cost(large(clusters, pools)) < 2.2 * cost(large(4, 8))


def test_import_is_light() -> None:
    program = "import sys, kbootstrap.spec.load; print('jsonschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
