from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing, SpecInvalid, WrongUsage
from kbootstrap.core.events import Event, Type, nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import MASK, Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import contexts
from kbootstrap.engine.outputs import verify_owner
from kbootstrap.engine.spec import choose, read_spec

LOCAL = """\
apiVersion: kbootstrap/v1alpha1
name: dev
clusters:
  one:
    provider: {local: {}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    control_plane: {nodes: 1}
    pools: [{name: default, nodes: 1%s}]
  two:
    provider: {local: {}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    control_plane: {nodes: 1}
    pools: []
"""


def runtime(folder: Path) -> Runtime:
    return Runtime(LocalRunner({}), {}, folder, Redactor(), nowhere)


def spec(folder: Path, extra: str = "") -> Path:
    path = folder / "spec.yaml"
    path.write_text(LOCAL % extra)
    return path


def test_contexts_come_in_the_order_of_the_spec(tmp_path: Path) -> None:
    loaded = read_spec(spec(tmp_path))
    found = contexts(loaded, choose(loaded, ["two", "one"]), runtime(tmp_path))
    assert [context.cluster.name for context in found] == ["one", "two"]
    assert [node.name for node in found[0].nodes] == ["one-control-plane-1", "one-default-1"]
    assert not (tmp_path / ".kbootstrap").exists()


def test_events_of_a_context_carry_its_cluster(tmp_path: Path) -> None:
    loaded, seen = read_spec(spec(tmp_path)), list[Event]()
    found = contexts(loaded, loaded.clusters, replace(runtime(tmp_path), emit=seen.append))
    for context in found:
        context.runtime.emit(Event(type=Type.STEP, step="obtain k3s"))
        context.provider_context.emit(Event(type=Type.STEP, step="node image"))
    assert [event.cluster for event in seen] == ["one", "one", "two", "two"]
    assert found[0].current is found[1].current, "one of them becomes the current context"


def test_a_cluster_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    loaded = read_spec(spec(tmp_path))
    with pytest.raises(WrongUsage, match="three") as caught:
        choose(loaded, ["three"])
    assert caught.value.hint == "it has: one, two"


def test_an_unsupported_key_stops_changes_and_not_looking(tmp_path: Path) -> None:
    loaded = read_spec(spec(tmp_path, ", volumes: [{name: v, size_gib: 1, mount: /v}]"))
    with pytest.raises(SpecInvalid) as caught:
        contexts(loaded, loaded.clusters, runtime(tmp_path))
    assert [problem.code for problem in caught.value.diagnostics] == ["KB0402"]
    assert len(contexts(loaded, loaded.clusters, runtime(tmp_path), changing=False)) == 2
    assert len(contexts(loaded, choose(loaded, ["two"]), runtime(tmp_path))) == 1


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, None),
        ({"kbootstrap": {"cluster": "one"}}, None),
        ({"kbootstrap": {"spec": "dev", "cluster": "one"}}, None),
        ({"kbootstrap": {"cluster": "two"}}, "belongs to the cluster 'two'"),
        ({"kbootstrap": {"spec": "prod", "cluster": "one"}}, "belongs to the spec 'prod'"),
    ],
)
def test_the_state_of_another_cluster_is_refused(
    tmp_path: Path, made: dict[str, dict[str, str]], said: str | None
) -> None:
    loaded = read_spec(spec(tmp_path))
    one, _ = contexts(loaded, loaded.clusters, runtime(tmp_path))
    if said is None:
        verify_owner(one, made)
        return
    with pytest.raises(PrerequisiteMissing, match=said) as caught:
        verify_owner(one, made)
    assert caught.value.code == "KB0534"


def test_a_broken_spec_raises_all_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: x\nclusters:\n  a: {control_plane: {nodes: 2}, x: 1}\n"
    )
    with pytest.raises(SpecInvalid) as caught:
        read_spec(path)
    assert len(caught.value.diagnostics) > 1


def test_warnings_of_the_provider_are_told_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        """\
apiVersion: kbootstrap/v1alpha1
name: demo
clusters:
  prod:
    provider: {openstack: {external_network: public, image: {id: i}}}
    kubernetes: {version: v1.32.0+k3s1}
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    ssh: {allowed_cidrs: [203.0.113.0/24]}
    control_plane: {nodes: 1, flavor: small}
"""
    )
    codes: list[str] = []
    loaded = read_spec(path, lambda found: codes.extend(problem.code for problem in found))
    assert codes == ["KB0355"]
    assert len(contexts(loaded, loaded.clusters, runtime(tmp_path))) == 1


def test_every_secret_that_the_spec_names_is_hidden(tmp_path: Path) -> None:
    s3 = "{bucket: etcd, endpoint: s3.test, credentials: {env: S3}}"
    named = f"    snapshots: {{passphrase: {{env: PASS}}, s3: {s3}}}\n"
    path = spec(tmp_path)
    path.write_text(path.read_text().replace("  two:\n", named + "  two:\n"))
    run = runtime(tmp_path)
    env = {"PASS": "pass-7741", "S3_ACCESS_KEY": "access-1", "S3_SECRET_KEY": "secret-0001"}
    loaded = read_spec(path)
    contexts(loaded, loaded.clusters, run)  # none exists, and none is needed
    contexts(loaded, loaded.clusters, replace(run, env=env))
    assert run.redactor.clean(" ".join(env.values())) == " ".join([MASK] * 3)


def test_logins_of_registries_and_the_proxy_are_hidden(tmp_path: Path) -> None:
    named = "    registries: {configs: {r.test: {credentials: {env: R}}}}\n"
    named += "    proxy: {url: 'http://p.test', credentials: {env: P}}\n"
    path = spec(tmp_path)
    path.write_text(path.read_text().replace("  two:\n", named + "  two:\n"))
    run, loaded = runtime(tmp_path), read_spec(path)
    env = {"R_USERNAME": "anna", "R_PASSWORD": "word-0001", "P_USERNAME": "bob", "P_PASSWORD": "word-0002"}
    contexts(loaded, loaded.clusters, run)
    contexts(loaded, loaded.clusters, replace(run, env=env))
    assert run.redactor.clean("word-0001 word-0002") == " ".join([MASK] * 2)


def test_the_embedded_mirror_opens_ports(tmp_path: Path) -> None:
    path = spec(tmp_path)
    path.write_text(path.read_text().replace("  two:\n", "    registries: {embedded_mirror: true}\n  two:\n"))
    loaded = read_spec(path)
    one, two = contexts(loaded, loaded.clusters, runtime(tmp_path))
    assert [str(port) for port in one.additions.ports] == ["TCP 5001", "TCP 6443"]
    assert two.additions.ports == ()
