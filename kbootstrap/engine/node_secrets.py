"""Reads the values of the spec's references that nodes need: for the bucket, registries and the proxy."""

from __future__ import annotations

from collections.abc import Mapping

from kbootstrap.cluster.snapshots.settings import private_files
from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import proxy, registries
from kbootstrap.distros.model import Distribution
from kbootstrap.engine.connect import settings
from kbootstrap.engine.context import Context
from kbootstrap.spec.logins import CODE, WHAT, Login, read_login
from kbootstrap.spec.model import Cluster, Registries
from kbootstrap.spec.references import Reader


def of_servers(context: Context, *, tolerant: bool) -> Mapping[str, str]:
    """Read the secret files of servers; `tolerant`: empty if a reference cannot be read."""
    snapshots, run = context.cluster.snapshots, context.runtime
    try:
        return private_files(snapshots, context.distribution.paths, settings(context.spec, run), run.redactor)
    except CredentialsRefused:
        if tolerant:
            return {}
        raise


def of_nodes(context: Context, *, tolerant: bool) -> Mapping[str, str]:
    """Read the secret files of every node; `tolerant`: empty if a reference cannot be read."""
    run = context.runtime
    try:
        reader = Reader(context.spec.path.parent, run.env, WHAT, CODE)
        return common_files(context.distribution, context.cluster, reader, run.redactor)
    except CredentialsRefused:
        if tolerant:
            return {}
        raise


def common_files(
    distro: Distribution, cluster: Cluster, reader: Reader, redactor: Redactor
) -> dict[str, str]:
    """Return content by path. Raises `CredentialsRefused` (KB0386)."""
    found: dict[str, str] = {}
    if cluster.registries:
        found |= _of_registries(distro, cluster.registries, reader, redactor)
    if cluster.proxy and cluster.proxy.credentials:
        # The file of a server has all that one of an agent has.
        direct = proxy.exceptions(cluster, "server")
        login = read_login(cluster.proxy.credentials, reader, redactor)
        found[proxy.environment_path(distro)] = proxy.secret_text(cluster.proxy, login, direct)
    return found


def _of_registries(
    distro: Distribution, found: Registries, reader: Reader, redactor: Redactor
) -> dict[str, str]:
    files: dict[str, str] = {}
    logins: dict[str, Login] = {}
    for host, one in found.access.items():
        if one.credentials:
            logins[host] = read_login(one.credentials, reader, redactor)
        if one.ca:
            files[registries.pem_path(distro, host, "ca")] = reader.text(one.ca, public=True)
        if one.client_certificate:
            text = reader.text(one.client_certificate, public=True)
            files[registries.pem_path(distro, host, "cert")] = text
        if one.client_key:
            text = redactor.add(reader.text(one.client_key))
            files[registries.pem_path(distro, host, "key")] = text
    if logins:
        files[registries.file_path(distro)] = registries.secret_text(distro, found, logins)
    return files
