"""What is asked of the API while nodes are waited for: few Nodes one by one, many as a list."""

from __future__ import annotations

from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.state.api_facts import ApiNode


class Counting:
    """An API that counts what it is asked."""

    def __init__(self, count: int) -> None:
        self.there = {
            f"w-{number}": ApiNode(f"w-{number}", ready=True, version="v1") for number in range(count)
        }
        self.asked: list[str] = []
        self.silent = False

    async def nodes(self) -> tuple[ApiNode, ...]:
        self.asked.append("list")
        return tuple(self.there.values())

    async def node(self, name: str) -> ApiNode | None:
        self.asked.append(name)
        if self.silent:
            raise ApiUnavailable("silent", code="KB0817")
        return self.there.get(name)


def watching(count: int) -> tuple[Counting, NodeWatch]:
    api = Counting(count)
    return api, NodeWatch(api)  # type: ignore[arg-type]  # two of its calls


async def later(watch: NodeWatch, name: str) -> ApiNode | None:
    """Ask when the API may be asked again."""
    watch._next = 0.0
    return await watch.node(name)


async def test_few_of_many_nodes_are_read_one_by_one() -> None:
    api, watch = watching(40)
    await later(watch, "w-1")
    assert api.asked == ["list"]
    api.there["w-1"] = ApiNode("w-1", ready=False, version="v1")
    del api.there["w-2"]
    for name in ("w-1", "w-2"):
        await later(watch, name)
    assert sorted(api.asked[1:]) == ["w-1", "w-1", "w-2"]
    seen = await later(watch, "w-1")
    assert seen is not None
    assert not seen.ready
    assert await later(watch, "w-2") is None


async def test_a_small_cluster_is_read_as_a_list() -> None:
    api, watch = watching(3)
    for name in ("w-1", "w-2"):
        assert await later(watch, name)
    assert api.asked == ["list", "list"]


async def test_a_fresh_look_is_at_one_node() -> None:
    api, watch = watching(40)
    assert await watch.node("w-7", fresh=True)
    assert await watch.node("w-99", fresh=True) is None
    assert api.asked == ["w-7", "w-99"]


async def test_a_silent_api_leaves_what_was_seen() -> None:
    api, watch = watching(40)
    assert await watch.node("w-7", fresh=True)
    api.silent = True
    assert await watch.node("w-7", fresh=True)
