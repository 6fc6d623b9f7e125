"""The admin kubeconfig of a server: k3s and RKE2 write it with names and an address of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig.read import FIELDS, Document, Section, parse
from kbootstrap.kubeconfig.write import write_text


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig needs to know about one cluster, under the name that we give it."""

    name: str
    cluster: CommentedMap
    user: CommentedMap

    def content(self, section: Section) -> CommentedMap:
        """Return the content of this cluster's item in a list."""
        if section == "contexts":
            return CommentedMap({"cluster": self.name, "user": self.name})
        return self.cluster if section == "clusters" else self.user

    def entry(self, section: Section) -> CommentedMap:
        """Return this cluster's item in a list, as kubectl orders its fields."""
        content = self.content(section)
        if section == "users":
            return CommentedMap({"name": self.name, FIELDS[section]: content})
        return CommentedMap({FIELDS[section]: content, "name": self.name})


def access(admin: str, name: str, endpoint: Endpoint) -> Access:
    """Take cluster and user of the current context out of admin kubeconfig text.

    `name` becomes the name of all entries, `endpoint` is the API as operators reach it. Raises
    `InstallFailed` (KB1005) when the text is no complete kubeconfig.
    """
    path = Path("the server's admin kubeconfig")
    try:
        source = Document(path, parse(admin, path), admin)
    except PrerequisiteMissing as error:
        raise _incomplete(error.message) from error
    context = _content(source, "contexts", source.current_context)
    cluster = CommentedMap(_content(source, "clusters", str(context.get("cluster", ""))))
    user = CommentedMap(_content(source, "users", str(context.get("user", ""))))
    if not user or "certificate-authority-data" not in cluster:
        raise _incomplete("it has no certificates")
    cluster["server"] = endpoint.url
    if endpoint.server_name:
        cluster["tls-server-name"] = endpoint.server_name
    return Access(name, cluster, user)


def own_copy(admin: str, name: str, endpoint: Endpoint) -> str:
    """Return a kubeconfig of this cluster alone."""
    this = access(admin, name, endpoint)
    tree = CommentedMap({"apiVersion": "v1", "kind": "Config"})
    for section in FIELDS:
        tree[section] = CommentedSeq([this.entry(section)])
    tree["current-context"] = name
    return Document(Path(), tree, "").dump()


def write_own_copy(path: Path, admin: str, name: str, endpoint: Endpoint) -> None:
    """Write a kubeconfig of this cluster alone (0600): what `ClusterSpace.kubeconfig` holds."""
    write_text(path, own_copy(admin, name, endpoint))


def _content(source: Document, section: Section, name: str) -> CommentedMap:
    entry = source.find(section, name) or CommentedMap()
    content = entry.get(FIELDS[section])
    if not isinstance(content, CommentedMap):
        raise _incomplete(f"it has no {FIELDS[section]} named {name!r}")
    return content


def _incomplete(why: str) -> InstallFailed:
    return InstallFailed(
        f"the admin kubeconfig of the server is not complete: {why}",
        code="KB1005",
        hint="run apply again; if this repeats, look at the server's journal",
    )
