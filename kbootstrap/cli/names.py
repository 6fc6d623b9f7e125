"""Shell completion: names from the spec on the command line, or from the spec in this folder.

The spec is only parsed, not checked: that takes a tenth of the time, and half-written specs have names too.
Nothing here may fail: whatever cannot be read has no names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

DEFAULT_SPECS = ("kbootstrap.yaml", "spec.yaml")
"""What a command takes that is called without a spec."""
_SPECS = (".yaml", ".yml")


def clusters(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the names of clusters."""
    # An option without its value ends click's parsing: words before it are left over.
    left_over = next((word for word in ctx.args if word.endswith(_SPECS)), None)
    spec = _read(left_over or ctx.params.get("spec"))
    return [name for name in _clusters(spec) if name.startswith(incomplete)]


def spec_then_node(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a spec or a node; after a spec a node; after a node nothing."""
    words = [str(word) for word in ctx.params.get("words") or ()]
    named = [word for word in words if word.endswith(_SPECS)]
    if len(words) > len(named) or len(named) > 1:
        return []
    nodes = _nodes(_read(named[0] if named else None))
    found = [CompletionItem(node) for node in nodes if node.startswith(incomplete)]
    if found or named:
        return found
    return [CompletionItem(incomplete, type="file")]  # shells complete either words or files


def spec_then_nodes(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a spec, then nodes and pools (`CLUSTER/POOL`), each once."""
    words = [str(word) for word in ctx.params.get("words") or ()]
    named = [word for word in words if word.endswith(_SPECS)]
    spec = _read(named[0] if named else None)
    known = [*_nodes(spec), *_pools(spec)]
    found = [CompletionItem(one) for one in known if one.startswith(incomplete) and one not in words]
    return found if found or words else [CompletionItem(incomplete, type="file")]


def spec_then_clusters(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a spec, then clusters, each once."""
    words = [str(word) for word in ctx.params.get("words") or ()]
    spec = _read(next((word for word in words if word.endswith(_SPECS)), None))
    found = [
        CompletionItem(one) for one in _clusters(spec) if one.startswith(incomplete) and one not in words
    ]
    return found if found or words else [CompletionItem(incomplete, type="file")]


def spec_then_clusters_and_nodes(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a spec, then clusters and nodes, each once."""
    words = [str(word) for word in ctx.params.get("words") or ()]
    spec = _read(next((word for word in words if word.endswith(_SPECS)), None))
    known = [*_clusters(spec), *_nodes(spec)]
    found = [CompletionItem(one) for one in known if one.startswith(incomplete) and one not in words]
    return found if found or words else [CompletionItem(incomplete, type="file")]


def keys_and_codes(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete keys of the spec, and codes of messages."""
    if incomplete[:1] in {"K", "k"} and incomplete.lower().startswith("kb"):
        from kbootstrap.core.codes import all_codes

        return [code for code in all_codes() if code.startswith(incomplete.upper())]
    from kbootstrap.spec.explain import all_keys

    depth = incomplete.count(".")
    return [key for key in all_keys() if key.startswith(incomplete) and key.count(".") <= depth + 1]


def _clusters(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    found = spec.get("clusters")
    return {str(name): body for name, body in found.items()} if isinstance(found, Mapping) else {}


def _nodes(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of nodes: `<cluster>-<pool>-<number>`; for a renamed pool with its first name."""
    for name, body in _bodies(spec):
        servers = body.get("control_plane")
        own = [{**servers, "name": "control-plane"}] if isinstance(servers, Mapping) else []
        for pool in [*own, *_written(body)]:
            size = pool.get("nodes")
            for number in range(1, (size if isinstance(size, int) else 0) + 1):
                yield f"{name}-{_first_name(pool)}-{number}"


def _pools(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the pools as arguments of commands: `<cluster>/<pool>`."""
    for name, body in _bodies(spec):
        for pool in _written(body):
            yield f"{name}/{pool.get('name')}"


def _bodies(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    defaults = spec.get("defaults")
    shared = defaults if isinstance(defaults, Mapping) else {}
    for name, own in _clusters(spec).items():
        yield name, {**shared, **(own if isinstance(own, Mapping) else {})}


def _written(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    pools = body.get("pools")
    return [pool for pool in pools if isinstance(pool, Mapping)] if isinstance(pools, list) else []


def _first_name(pool: Mapping[str, Any]) -> object:
    former = pool.get("renamed_from")
    return former[0] if isinstance(former, list) and former else pool.get("name")


def _read(named: object) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    here = [Path(str(named))] if named else [Path(name) for name in DEFAULT_SPECS]
    for path in here:
        try:
            found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, YAMLError):
            continue
        return found if isinstance(found, Mapping) else {}
    return {}
