"""The specs of the end-to-end tests. Each test has cluster names of its own: they share one engine."""

from __future__ import annotations

NETWORK = "{cidr: 10.X.0.0/16, control_plane: 10.X.0.0/24, agents: 10.X.4.0/22}"
"""`Lab.spec` writes the number of a free range for the X."""

WITHOUT = "[traefik, servicelb, metrics-server]"
"""What clusters that are not about it leave out: it keeps a processor busy for as long as a node starts."""


def local_spec(
    cluster: str,
    *,
    pools: str,
    name: str = "e2e",
    version: str = "v1.32.0+k3s1",
    kubernetes: str = "",
    mirror: str = "",
    encrypted: bool = True,
    servers: str = "nodes: 1",
    without: str = WITHOUT,
    more: str = "",
    provider: str = "{local: {}}",
) -> str:
    """Return the spec of one cluster of the `local` provider.

    `pools` are the lines of the pools, `servers` the keys of the control plane, `without` the components that
    are disabled, `provider` the provider with its settings, `more` the last lines. `kubernetes` is the value
    of that key for another distribution, `mirror` the URL of its release.
    """
    encryption = ", secrets_encryption: true" if encrypted else ""
    kubernetes = kubernetes or f"{{distribution: k3s, version: {version}{encryption}, disable: {without}}}"
    release = f'    artifacts: {{mirror: "{mirror}"}}\n' if mirror else ""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider: {provider}
    kubernetes: {kubernetes}
{release}    network: {NETWORK}
    control_plane: {{{servers}}}
    pools:
{pools}{more}"""


def small(
    cluster: str, *, name: str = "e2e", nodes: int = 1, labels: str = "", server_labels: str = ""
) -> str:
    """One server and some agents; labels are written `tier: web`."""
    return local_spec(
        cluster,
        name=name,
        encrypted=False,
        servers=f"nodes: 1, labels: {{{server_labels}}}",
        pools=f"      - {{name: default, nodes: {nodes}, labels: {{{labels}}}}}\n",
    )


def high_availability(cluster: str, *, name: str = "e2e") -> str:
    """Three servers and two agents in two subnets; one agent labelled and tainted."""
    pools = """\
      - {name: web, nodes: 1, labels: {tier: web}}
      - {name: db, nodes: 1, labels: {tier: db}, taints: ["dedicated=db:NoSchedule"]}
"""
    return local_spec(cluster, name=name, servers="nodes: 3", without="[traefik, servicelb]", pools=pools)


def skipping(version: str) -> str:
    """Return a version two minors above another one."""
    number, _, release = version.partition("+")
    return f"v1.{int(number.split('.')[1]) + 2}.0+{release}"
