"""Archives of images, and the files of servers: what the engine adds for the autoscaler as pods."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.core.errors import PrerequisiteMissing, SpecInvalid
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros.additions import AUTOSCALER_MANIFEST
from kbootstrap.engine.autoscaler_pods import archives, pod_secrets
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.spec import read_spec
from kbootstrap.inventory.model import Endpoint, Inventory

SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  prod:
    provider: {openstack: {cloud: mine, external_network: public, image: {id: 0a1b}}}
    kubernetes: {distribution: k3s, version: v1.33.1+k3s1}
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    control_plane: {nodes: 1, flavor: s}
    pools: [{name: web, flavor: s, autoscaling: {min: 1, max: 3}}]
    autoscaler:
      cluster_autoscaler: {image: "ca:v1.33.0", file: images/ca.tar, sha256: SUM}
      server: {image: "kbootstrap/autoscaler:1", file: server.tar.zst, sha256: SUM}
"""
CONTENT = b"an archive"
SUM = hashlib.sha256(CONTENT).hexdigest()


def context(folder: Path, text: str = SPEC) -> Context:
    path = folder / "spec.yaml"
    path.write_text(text.replace("SUM", SUM))
    loaded = read_spec(path)
    run = Runtime(LocalRunner({}), {"HOME": str(folder)}, folder, Redactor(), nowhere)
    return contexts(loaded, loaded.clusters, run)[0]


def test_servers_get_manifest_and_archives_and_agents_nothing(tmp_path: Path) -> None:
    one = context(tmp_path)
    there = Endpoint("10.20.0.11", 6443)
    inventory = Inventory("shop", {}, there, there, ())
    needed = desired_state(one.cluster, one.nodes, inventory, one.distribution, additions=one.additions)
    [server, agent] = needed.nodes
    assert AUTOSCALER_MANIFEST in "".join(file.path for file in server.files)
    assert AUTOSCALER_MANIFEST not in "".join(file.path for file in agent.files)
    names = {one.artifact.name for one in needed.archives}
    assert names == {f"kbootstrap-image-{SUM[:16]}.tar", f"kbootstrap-image-{SUM[:16]}.tar.zst"}
    assert not names & {artifact.name for some in needed.artifacts.values() for artifact in some}


async def test_archives_are_verified(tmp_path: Path) -> None:
    one = context(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "ca.tar").write_bytes(CONTENT)
    (tmp_path / "server.tar.zst").write_bytes(b"another one")
    wanted_names = [archive.name for archive in one.additions.archives]
    assert await archives(one, ["k3s"]) == {}
    found = await archives(one, [wanted_names[1]])
    assert [(local.path, local.sha256) for local in found.values()] == [(tmp_path / "images" / "ca.tar", SUM)]
    with pytest.raises(PrerequisiteMissing) as caught:
        await archives(one, wanted_names)
    assert caught.value.code == "KB1409"
    assert hashlib.sha256(b"another one").hexdigest() in (caught.value.hint or "")
    (tmp_path / "server.tar.zst").unlink()
    with pytest.raises(PrerequisiteMissing, match="cannot be read"):
        await archives(one, wanted_names)


def test_what_the_provider_makes_no_machines_for_has_no_secrets(tmp_path: Path) -> None:
    one = context(tmp_path)
    assert pod_secrets(one) is not None

    class Other(type(one.provider)):  # type: ignore[misc]
        elastic_access = None

    bare = replace(one, provider=Other())
    assert pod_secrets(bare) is None
    assert not bare.additions.autoscaler


def test_other_clouds_cannot_carry_it_out_yet(tmp_path: Path) -> None:
    """The key is known, and refused at its line."""
    text = SPEC.replace("openstack: {cloud: mine, external_network: public, image: {id: 0a1b}}", "local: {}")
    text = text.replace(", flavor: s", "")
    with pytest.raises(SpecInvalid) as caught:
        context(tmp_path, text)
    [problem] = caught.value.diagnostics
    assert problem.code == "KB0403"
    assert problem.span is not None
    assert problem.span.line == 10
