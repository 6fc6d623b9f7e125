"""What the pods are configured with: the cluster's part of spec and lock file, and both configurations. Pure.

Of the spec the pods get one cluster, as `defaults:` make it, without what only the operator's machine has:
keys for logging in, credentials of snapshots, the state's settings. No secret is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.autoscaler.certificates import SERVER
from kbootstrap.autoscaler.pods import yaml_text
from kbootstrap.distros.additions import SECRET_NAMESPACE
from kbootstrap.spec import lock as locks
from kbootstrap.spec.lock import Lock, lock_path
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.pins import used

CONFIG, SECRET, TLS = "/etc/kbootstrap/config", "/etc/kbootstrap/secret", "/etc/kbootstrap/tls"
"""Folders of the pods: the ConfigMap, and each pod's Secret."""
HOST, WORKSPACE = "/host", "/var/lib/kbootstrap"
HOST_NAME = f"{SERVER}.{SECRET_NAMESPACE}.svc"
"""The host of the Service, which Cluster Autoscaler verifies."""
CALLS, HTTP = 8086, 8087
"""Ports of the server: calls of Cluster Autoscaler; metrics and probes (`schemas/autoscaler.json`)."""
_SPEC, SERVER_FILE, CLIENT_FILE = "spec.yaml", "autoscaler.yaml", "cluster-autoscaler.yaml"
SERVER_CONFIG, CLIENT_CONFIG = f"{CONFIG}/{SERVER_FILE}", f"{CONFIG}/{CLIENT_FILE}"
_NOT_OF_PODS = ("autoscaler", "snapshots")
_NOT_OF_PODS_SSH = ("private_key", "authorized_keys")
_NOTE = "# One cluster of the spec, for the server of Cluster Autoscaler; `kbootstrap apply` writes it.\n"


def files(spec: Spec, cluster: Cluster, lock: Lock) -> Mapping[str, str]:
    """Return the data of the ConfigMap."""
    return {
        SERVER_FILE: yaml_text.document(_server(cluster)),
        CLIENT_FILE: yaml_text.document(_client()),
        _SPEC: _NOTE + yaml_text.document(_spec(spec, cluster)),
        lock_path(spec.path.with_name(_SPEC)).name: locks.dump(_lock(cluster, lock)),
    }


def _server(cluster: Cluster) -> Mapping[str, Any]:
    return {
        "apiVersion": "kbootstrap/autoscaler-v1alpha1",
        "spec": f"{CONFIG}/{_SPEC}",
        "cluster": cluster.name,
        "certificates": SECRET,
        "listen": f"0.0.0.0:{CALLS}",
        "metrics": f"0.0.0.0:{HTTP}",
        "agent_token": f"{SECRET}/agent-token",
        "ssh_key": f"{SECRET}/ssh-key",
        "authorized_keys": f"{SECRET}/authorized-keys",
        "workspace": WORKSPACE,
        "node_files": HOST,
    }


def _client() -> Mapping[str, Any]:
    """Return the configuration of the provider `externalgrpc` (its README, "Configuration")."""
    return {
        "address": f"{HOST_NAME}:{CALLS}",
        "cacert": f"{TLS}/ca.crt",
        "cert": f"{TLS}/client.crt",
        "key": f"{TLS}/client.key",
    }


def _spec(spec: Spec, cluster: Cluster) -> Mapping[str, Any]:
    own = {
        key: value for key, value in spec.data["clusters"][cluster.name].items() if key not in _NOT_OF_PODS
    }
    if "ssh" in own:
        own["ssh"] = {key: value for key, value in own["ssh"].items() if key not in _NOT_OF_PODS_SSH}
    top = {key: spec.data[key] for key in ("apiVersion", "name", "prices") if key in spec.data}
    return {**top, "clusters": {cluster.name: own}}


def _lock(cluster: Cluster, lock: Lock) -> Lock:
    name, kubernetes = cluster.name, cluster.kubernetes
    return Lock(
        {name: lock.addresses[name]} if name in lock.addresses else {},
        {name: lock.images[name]} if name in lock.images else {},
        used(lock.artifacts, [(kubernetes.distribution, kubernetes.version)]),
    )
