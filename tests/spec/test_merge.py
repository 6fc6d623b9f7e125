from __future__ import annotations

from pathlib import Path

from kbootstrap.spec.load import load_text
from tests.spec.samples import spec_of

DEFAULTS = """\
apiVersion: kbootstrap/v1alpha1
name: dev
defaults:
  provider: {openstack: {cloud: a, external_network: x, image: {name: Debian 12}}}
  kubernetes: {version: v1.32.0+k3s1, disable: [traefik]}
  ssh: {private_key: {env: KEY}, user: debian}
  snapshots: {retention: 7}
clusters:
  plain:
    network: {cidr: 10.1.0.0/16, control_plane: 10.1.0.0/24, agents: 10.1.4.0/22}
    control_plane: {nodes: 1, flavor: f}
  changed:
    provider: {openstack: {cloud: b, image: {id: "1"}}}
    kubernetes: {version: v1.31.0+k3s1, disable: []}
    network: {cidr: 10.2.0.0/16, control_plane: 10.2.0.0/24, agents: 10.2.4.0/22}
    control_plane: {nodes: 1, flavor: f}
    ssh: {private_key: {file: k}}
    snapshots: null
  other:
    provider: {local: {}}
    control_plane: {nodes: 1}
"""


def test_maps_merge_lists_and_scalars_replace() -> None:
    spec = spec_of(DEFAULTS)
    plain, changed, other = spec.clusters
    assert plain.kubernetes.disable == ("traefik",)
    assert changed.kubernetes.disable == ()
    assert (plain.kubernetes.version, changed.kubernetes.version) == ("v1.32.0+k3s1", "v1.31.0+k3s1")
    assert changed.provider.settings == {
        "cloud": "b",
        "external_network": "x",
        "image": {"id": "1"},
        "bastion": "server",  # the schema's default, as the next one
        "load_balancer": {},
        "cloud_controller": False,
        "block_storage": False,
    }
    assert (changed.ssh.user, str(changed.ssh.private_key)) == ("debian", "FromFile(path='k')")
    assert plain.snapshots is not None
    assert plain.snapshots.retention == 7
    assert changed.snapshots is None
    assert (other.provider.name, other.provider.settings) == ("local", {"engine": "auto"})


def test_places_lead_to_where_it_was_written() -> None:
    source = spec_of(DEFAULTS).source
    assert str(source.value(("clusters", "plain", "kubernetes", "version"))) == "spec.yaml:5:25"
    assert str(source.value(("clusters", "changed", "kubernetes", "version"))) == "spec.yaml:14:27"
    assert str(source.key(("clusters", "plain", "snapshots"))) == "spec.yaml:7:3"
    assert source.written(("clusters", "plain", "snapshots", "retention"))
    assert not source.written(("clusters", "changed", "snapshots"))


def test_a_fault_in_defaults_is_said_once() -> None:
    loaded = load_text(DEFAULTS.replace("v1.32.0+k3s1", "1.32"), Path("spec.yaml"))
    assert [(d.code, str(d.span)) for d in loaded.diagnostics] == [("KB0202", "spec.yaml:5:25")]


def test_defaults_that_multiply_are_refused() -> None:
    values = ", ".join(["a"] * 2000)
    clusters = "".join(f"  c{i}: {{}}\n" for i in range(100))
    text = f"defaults: {{kubernetes: {{disable: [{values}]}}}}\nclusters:\n{clusters}"
    assert [d.code for d in load_text(text, Path("x")).diagnostics] == ["KB0110"]
