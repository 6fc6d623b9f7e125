"""What the server process has: keys, folders, the kubeconfig, and the way to a token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kbootstrap.autoscaler.config import Config, read_config
from kbootstrap.autoscaler.definition import Definition, read
from kbootstrap.commands.autoscaler import cluster_context, kubeconfig_of, way_of
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.elastic_way import Inside, Outside
from kbootstrap.providers.cloud.keys import named_identity, public_keys
from kbootstrap.spec.model import FromFile
from tests.autoscaler.samples import write_spec

OWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "B"
OPERATOR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "A" + " anna"


def runtime(folder: Path, **env: str) -> Runtime:
    return Runtime(LocalRunner({}), env, folder / "cache", Redactor(), nowhere)


def config(folder: Path, **more: Path | str) -> Config:
    base = Config(folder / "spec.yaml", "prod", folder / "tls", "x:1", "x:2", None, "cp-1")
    return replace(base, **more)  # type: ignore[arg-type] # written as a table


def definition(folder: Path) -> Definition:
    return read(write_spec(folder), "prod")


def test_by_hand_everything_is_the_operators(tmp_path: Path) -> None:
    found = cluster_context(definition(tmp_path), runtime=runtime(tmp_path), config=config(tmp_path))
    assert found.space.base == tmp_path / ".kbootstrap"
    assert found.cluster == definition(tmp_path).cluster
    assert isinstance(way_of(config(tmp_path)), Outside)


def test_a_key_of_its_own_is_authorized_beside_those_of_the_operators(tmp_path: Path) -> None:
    key, others = tmp_path / "own", tmp_path / "others"
    key.write_text("private")
    key.with_name("own.pub").write_text(f"{OWN}\n")
    others.write_text(f"{OPERATOR}\n# a comment\n")
    chosen = config(tmp_path, ssh_key=key, authorized_keys=others, workspace=tmp_path / "kept")
    found = cluster_context(definition(tmp_path), runtime=runtime(tmp_path), config=chosen)
    assert found.cluster.ssh.private_key == FromFile(str(key))
    assert named_identity(found.provider_context) == key
    assert public_keys(found.provider_context, key) == [OWN, OPERATOR]
    assert found.space.known_hosts == tmp_path / "kept/prod.run/known_hosts"


def test_the_kubeconfig(tmp_path: Path) -> None:
    """The given one; by hand that of `apply`; in a pod the service account, even if there is a file."""
    found = cluster_context(definition(tmp_path), runtime=runtime(tmp_path), config=config(tmp_path))
    assert kubeconfig_of(config(tmp_path), found) is None
    found.space.kubeconfig.parent.mkdir(parents=True)
    found.space.kubeconfig.write_text("x")
    assert kubeconfig_of(config(tmp_path), found) == found.space.kubeconfig
    given = config(tmp_path, kubeconfig=tmp_path / "k")
    assert kubeconfig_of(given, found) == tmp_path / "k"
    pod = replace(found, runtime=runtime(tmp_path, KUBERNETES_SERVICE_HOST="10.43.0.1"))
    assert kubeconfig_of(config(tmp_path), pod) is None


def test_inside_the_cluster(tmp_path: Path) -> None:
    path = tmp_path / "autoscaler.yaml"
    path.write_text(
        "apiVersion: kbootstrap/autoscaler-v1alpha1\nspec: s.yaml\ncluster: prod\ncertificates: tls\n"
        "agent_token: /run/token\nregistration: 10.0.0.10\nssh_key: id\nworkspace: /var/lib/kbootstrap\n"
    )
    found = read_config(path)
    assert (found.ssh_key, found.workspace) == (tmp_path / "id", Path("/var/lib/kbootstrap"))
    assert found.authorized_keys is None
    way = way_of(found)
    assert isinstance(way, Inside)
    assert (way.agent_token, way.registration) == (Path("/run/token"), "10.0.0.10")
