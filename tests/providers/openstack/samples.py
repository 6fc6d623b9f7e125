"""Small specs of clusters in OpenStack."""

from __future__ import annotations

from kbootstrap.providers.openstack.render import render as render_root
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.model import Spec
from tests.render.trees import pinned
from tests.spec.samples import HEAD, VERSION, spec_of

CLOUD = "external_network: public, image: {name: Debian 12}"
WEB = "{name: web, nodes: 2, flavor: m}"


def spec(
    cloud: str = CLOUD,
    *,
    servers: int = 3,
    pools: str = WEB,
    version: str = VERSION,
    more: str = "",
    name: str = "c",
) -> Spec:
    """Return a spec with one cluster; `cloud` is what stands below `provider.openstack`."""
    network = "network: {cidr: 10.9.0.0/16, control_plane: 10.9.0.0/24, agents: 10.9.4.0/22}"
    body = f"provider: {{openstack: {{{cloud}}}}}, {version}, {network}, pools: [{pools}]"
    return spec_of(f"{HEAD}  {name}: {{{body}, control_plane: {{nodes: {servers}, flavor: s}}{more}}}\n")


def root(
    cloud: str = CLOUD, *, servers: int = 3, pools: str = WEB, version: str = VERSION, more: str = ""
) -> RenderedRoot:
    """Render such a cluster, with its image pinned."""
    made = spec(cloud, servers=servers, pools=pools, version=version, more=more)
    return render_root(made, made.clusters[0], pinned(made))
