"""Where nodes get images: `registries.yaml` of the distributions, and their settings about registries. Pure.

Both distributions read the same file, in the format of github.com/rancher/wharfie (`pkg/registries`), and
write containerd's configuration from it at every start (k3s source, `pkg/agent/containerd/config.go`).
Credentials are part of the file, so it is a rendered file only without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from kbootstrap.distros.model import Distribution, NodeFile, Role
from kbootstrap.distros.requirements import Port
from kbootstrap.distros.yaml_files import HEADER, Value, dump
from kbootstrap.spec.logins import Login
from kbootstrap.spec.model import Cluster, Registries, RegistryAccess

_NOTE = "# Registries of the spec, with their credentials.\n"
"""First line of a file with secrets. Not our header: facts contain the text of files that begin with it."""


def file_path(distro: Distribution) -> str:
    """Return the path of `registries.yaml`."""
    return f"{distro.paths.etc}/registries.yaml"


def settings_path(distro: Distribution) -> str:
    """Return the path of the configuration drop-in with the settings about registries."""
    return f"{distro.paths.drop_ins}/40-kbootstrap-registries.yaml"


def pem_path(distro: Distribution, host: str, kind: str) -> str:
    """Return the path of a PEM file about a registry: `kind` is `ca`, `cert` or `key`."""
    return f"{pem_prefix(distro)}{host.replace(':', '_')}-{kind}.pem"


def pem_prefix(distro: Distribution) -> str:
    """Return how the paths of all PEM files about registries begin."""
    return f"{distro.paths.etc}/kbootstrap-registry-"


def files(distro: Distribution, cluster: Cluster, role: Role) -> tuple[NodeFile, ...]:
    """Return the files of a node without secrets."""
    found, result = cluster.registries, list[NodeFile]()
    if found is None:
        return ()
    if values := _settings(distro, found, role):
        result.append(NodeFile(settings_path(distro), dump(values), 0o600))
    if not _has_logins(found):
        result.append(NodeFile(file_path(distro), HEADER + _text(distro, found, {}), 0o600))
    return tuple(result)


def secret_paths(distro: Distribution, cluster: Cluster) -> frozenset[str]:
    """Return the paths of the files whose content is made of what the spec refers to."""
    found = cluster.registries
    if found is None:
        return frozenset()
    pems = {path for host, one in found.access.items() for path in _pems(distro, host, one).values()}
    return frozenset(pems | ({file_path(distro)} if _has_logins(found) else set()))


def secret_text(distro: Distribution, found: Registries, logins: Mapping[str, Login]) -> str:
    """Return `registries.yaml` with credentials; `logins` is by host."""
    return _NOTE + _text(distro, found, logins)


def ports(distro: Distribution, cluster: Cluster) -> tuple[Port, ...]:
    """Return the ports on which nodes give each other images.

    Agents, too, then listen on the port through which nodes join (docs.k3s.io and docs.rke2.io, "Embedded
    Registry Mirror").
    """
    if cluster.registries is None or not cluster.registries.embedded:
        return ()
    return (
        Port(5001, "TCP", "nodes", "the embedded registry mirror finds nodes that have an image"),
        Port(distro.registration_port, "TCP", "nodes", "the embedded registry mirror serves images"),
    )


def _has_logins(found: Registries) -> bool:
    return any(one.credentials for one in found.access.values())


def _settings(distro: Distribution, found: Registries, role: Role) -> dict[str, Value]:
    """Return the keys of the configuration. Servers send agents their own settings."""
    values: dict[str, Value] = {}
    if found.system_default and (role == "server" or distro.system_images_on_agents):
        values["system-default-registry"] = found.system_default
    if found.embedded and role == "server":
        values["embedded-registry"] = True
    if not found.default_endpoint:
        values["disable-default-registry-endpoint"] = True
    return values


def _pems(distro: Distribution, host: str, one: RegistryAccess) -> dict[str, str]:
    """Return the paths of the PEM files about a registry by their keys in the file."""
    kinds = {"ca": one.ca, "cert": one.client_certificate, "key": one.client_key}
    return {f"{kind}_file": pem_path(distro, host, kind) for kind, where in kinds.items() if where}


def _text(distro: Distribution, found: Registries, logins: Mapping[str, Login]) -> str:
    return "".join(f"{line}\n" for line in (*_mirrors(found), *_configs(distro, found, logins)))


def _mirrors(found: Registries) -> Iterator[str]:
    """Yield the mirrors. The embedded one serves registries that have an entry, so it needs one for all."""
    names = sorted({*found.mirrors, *(("*",) if found.embedded else ())})
    if names:
        yield "mirrors:"
    for name in names:
        mirror = found.mirrors.get(name)
        if mirror is None or not (mirror.endpoints or mirror.rewrites):
            yield f"  {_quoted(name)}: {{}}"
            continue
        yield f"  {_quoted(name)}:"
        if mirror.endpoints:
            yield "    endpoint:"
            yield from (f"      - {_quoted(url)}" for url in mirror.endpoints)
        if mirror.rewrites:
            yield "    rewrite:"
            yield from (
                f"      {_quoted(old)}: {_quoted(new)}" for old, new in sorted(mirror.rewrites.items())
            )


def _configs(distro: Distribution, found: Registries, logins: Mapping[str, Login]) -> Iterator[str]:
    if found.access:
        yield "configs:"
    for host, one in found.access.items():
        yield f"  {_quoted(host)}:"
        if login := logins.get(host):
            yield "    auth:"
            yield f"      username: {_quoted(login.username)}"
            yield f"      password: {_quoted(login.password)}"
        pems = _pems(distro, host, one)
        if pems or one.insecure:
            yield "    tls:"
            yield from (f"      {key}: {_quoted(path)}" for key, path in pems.items())
        if one.insecure:
            yield "      insecure_skip_verify: true"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
