"""The admin kubeconfig of a server: k3s and RKE2 write it with fixed names and a local address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.inventory.model import Endpoint
from kbootstrap.kubeconfig import edit
from kbootstrap.kubeconfig.emit import Plain, Value
from kbootstrap.kubeconfig.read import FIELDS, Kubeconfig, Section, parse
from kbootstrap.kubeconfig.tree import YamlNode
from kbootstrap.kubeconfig.write import write_text


@dataclass(frozen=True, slots=True)
class Access:
    """The kubeconfig entries of one cluster, under the name that kbootstrap gives it."""

    name: str
    cluster: Mapping[str, Value]
    user: Mapping[str, Value]

    def content(self, section: Section) -> Mapping[str, Value]:
        """Return the content of this cluster's item in a list."""
        if section == "contexts":
            return {"cluster": self.name, "user": self.name}
        return self.cluster if section == "clusters" else self.user

    def entry(self, section: Section) -> Mapping[str, Value]:
        """Return this cluster's item in a list, with the fields in kubectl's order."""
        content = self.content(section)
        if section == "users":
            return {"name": self.name, FIELDS[section]: content}
        return {FIELDS[section]: content, "name": self.name}


def access(admin: str, name: str, endpoint: Endpoint) -> Access:
    """Extract cluster and user of the current context from the text of an admin kubeconfig.

    `name` becomes the name of all entries; `endpoint` is the operators' API endpoint. Raises `InstallFailed`
    (KB1005) when the text is not a complete kubeconfig.
    """
    try:
        source = parse(admin, Path("the server's admin kubeconfig"))
    except PrerequisiteMissing as error:
        raise _incomplete(error.message) from error
    context = _content(source, "contexts", source.current_context)
    cluster = dict(_content(source, "clusters", str(context.get("cluster", ""))))
    user = _content(source, "users", str(context.get("user", "")))
    if not user or "certificate-authority-data" not in cluster:
        raise _incomplete("it has no certificates")
    cluster["server"] = endpoint.url
    if endpoint.server_name:
        cluster["tls-server-name"] = endpoint.server_name
    return Access(name, cluster, user)


def own_copy(admin: str, name: str, endpoint: Endpoint) -> str:
    """Return a kubeconfig with only this cluster."""
    this = access(admin, name, endpoint)
    text = ""
    for section in FIELDS:
        text = edit.put_entry(text, section, this.entry(section))
    return edit.set_current(text, name)


def write_own_copy(path: Path, admin: str, name: str, endpoint: Endpoint) -> None:
    """Write a kubeconfig with only this cluster (0600), for `ClusterSpace.kubeconfig`."""
    write_text(path, own_copy(admin, name, endpoint))


def data(node: YamlNode) -> Value:
    """Return the value of a node; unquoted scalars stay unquoted."""
    node = node.resolved
    if node.kind == "scalar":
        return Plain(node.value) if node.plain else node.value
    if node.kind == "list":
        return [data(one) for one in node.values()]
    return {key.value: data(value) for key, value in node.items if key is not None}


def _content(source: Kubeconfig, section: Section, name: str) -> Mapping[str, Value]:
    entry = source.find(section, name)
    content = entry.get(FIELDS[section]) if entry else None
    if content is None or content.kind != "map":
        raise _incomplete(f"it has no {FIELDS[section]} named {name!r}")
    found = data(content)
    assert isinstance(found, Mapping)  # noqa: S101 - for the type checker: a map was asked for
    return found


def _incomplete(why: str) -> InstallFailed:
    return InstallFailed(
        f"the admin kubeconfig of the server is not complete: {why}",
        code="KB1005",
        hint="run apply again; if this repeats, look at the server's journal",
    )
