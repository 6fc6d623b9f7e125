from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.spec import lock, lockfile
from kbootstrap.spec.lock import AddressBlock, Lock
from kbootstrap.spec.model import Autoscaling, Spec
from kbootstrap.spec.pins import ArtifactPin, ImagePin, ProviderPin
from tests.spec.samples import local


def blocks(found: Lock) -> dict[str, list[tuple[int, int]]]:
    return {pool: [(b.first, b.size) for b in placed] for pool, placed in found.addresses["c"].items()}


def autoscaled(least: int, most: int) -> Spec:
    """The cluster of `local("a=… b=2")` with bounds for the pool `a`."""
    fixed = local("a=1 b=2")
    (cluster,) = fixed.clusters
    pool = replace(cluster.pools[0], nodes=least, autoscaling=Autoscaling(least, most))
    return replace(fixed, clusters=(replace(cluster, pools=(pool, *cluster.pools[1:])),))


def test_path() -> None:
    assert lock.lock_path(Path("a/specs.yaml")) == Path("a/specs.lock.yaml")
    assert lock.lock_path(Path("a.b.yml")) == Path("a.b.lock.yaml")
    assert lock.lock_path(Path("plain")) == Path("plain.lock.yaml")


def test_pools_keep_their_place() -> None:
    first = lock.allocate(local("a=2 b=20 c=1"), Lock())
    assert blocks(first) == {"a": [(11, 16)], "b": [(27, 20)], "c": [(47, 16)]}
    without_b = lock.allocate(local("a=2 c=1"), first)
    assert blocks(without_b) == {"a": [(11, 16)], "c": [(47, 16)]}
    assert blocks(lock.allocate(local("d=1 c=1 a=2"), without_b)) == {
        "d": [(27, 16)],
        "c": [(47, 16)],
        "a": [(11, 16)],
    }


def test_a_pool_that_outgrows_its_block_gets_another() -> None:
    first = lock.allocate(local("a=2 b=2"), Lock())
    grown = lock.allocate(local("a=40 b=2"), first)
    assert blocks(grown) == {"a": [(11, 16), (43, 24)], "b": [(27, 16)]}
    assert lock.allocate(local("a=3 b=2"), grown) == grown


def test_nodes_above_min_have_blocks_of_their_own() -> None:
    fixed = lock.allocate(local("a=2 b=2"), Lock())
    first = lock.allocate(autoscaled(2, 12), fixed)
    assert blocks(first) == {"a": [(11, 16)], "b": [(27, 16)], "a/elastic": [(43, 16)]}
    assert blocks(lock.allocate(autoscaled(20, 60), first)) == {
        "a": [(11, 16), (59, 16)],
        "b": [(27, 16)],
        "a/elastic": [(43, 16), (75, 24)],
    }
    assert blocks(lock.allocate(autoscaled(3, 3), first)) == blocks(fixed)
    taken_later = lock.allocate(local("a=2 b=2 c=1"), first)
    assert blocks(taken_later)["c"] == [(59, 16)]  # machines above `min` may still be there


def test_blocks_that_do_not_fit_are_placed_again() -> None:
    broken = Lock(
        {"c": {"a": (AddressBlock(800, 16), AddressBlock(1020, 90)), "b": (AddressBlock(805, 16),)}}
    )
    assert blocks(lock.allocate(local("a=2 b=2"), broken)) == {"a": [(800, 16)], "b": [(11, 16)]}


def test_the_last_eighth_of_larger_subnets_is_the_providers() -> None:
    assert [lock.end(size) for size in (32, 64, 128, 256, 1024)] == [31, 63, 111, 223, 895]
    full = local("a=196 b=16", agents="10.90.4.0/24")  # 11 to 222
    assert blocks(lock.allocate(full, Lock())) == {"a": [(11, 196)], "b": [(207, 16)]}
    with pytest.raises(SpecInvalid) as caught:
        local("a=197 b=16", agents="10.90.4.0/24")
    (problem,) = caught.value.diagnostics
    assert "/23" in str(problem.help)


def test_no_room_is_said_at_the_pool() -> None:
    held = Lock({"c": {"a": (AddressBlock(20, 16),)}})
    with pytest.raises(SpecInvalid) as caught:
        lock.allocate(local("a=2 b=2", agents="10.90.4.0/26"), Lock({"c": {"a": (AddressBlock(24, 24),)}}))
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.span is not None) == ("KB0411", True)
    assert blocks(lock.allocate(local("a=2 b=2", agents="10.90.4.0/26"), held))["b"] == [(36, 16)]


def test_dump_and_load(tmp_path: Path) -> None:
    path = tmp_path / "spec.lock.yaml"
    assert lockfile.load(path) == Lock()
    odd = Lock(
        {
            "null": {"e1": (AddressBlock(11, 16),)},
            "c": {"b": (AddressBlock(11, 16), AddressBlock(40, 5)), "a": (AddressBlock(27, 13),)},
            "x": {},
        }
    )
    text = lock.dump(odd)
    path.write_text(text, "utf-8")
    assert lock.dump(lockfile.load(path)) == text
    assert lockfile.load(path).addresses["c"]["b"] == (AddressBlock(11, 16), AddressBlock(40, 5))
    assert text.startswith("# Written by kbootstrap")
    path.write_text(lock.dump(Lock()), "utf-8")
    assert lockfile.load(path) == Lock()


def test_images_are_kept_while_their_name_is(tmp_path: Path) -> None:
    path = tmp_path / "spec.lock.yaml"
    pinned = lock.allocate(local("a=1"), Lock()).with_image("c", ImagePin('Debian "12": x', "id-1"))
    path.write_text(lock.dump(pinned), "utf-8")
    found = lockfile.load(path)
    assert found == pinned
    assert found.image_id("c", 'Debian "12": x') == "id-1"
    assert found.image_id("c", "Debian 13") is None
    assert found.image_id("other", 'Debian "12": x') is None
    assert lock.allocate(local("a=1"), found.with_image("gone", ImagePin("a", "b"))) == pinned


@pytest.mark.parametrize(
    "text",
    [
        "addresses: {}\n",
        "apiVersion: other\n",
        "- a\n",
        "just text\n",
        "apiVersion: kbootstrap/v1alpha1\nmore: 1\n",
        "apiVersion: kbootstrap/v1alpha1\naddresses: [a]\n",
        "apiVersion: kbootstrap/v1alpha1\naddresses: {c: {a: 3}}\n",
        "apiVersion: kbootstrap/v1alpha1\naddresses: {c: {a: [{first: 11}]}}\n",
        "apiVersion: kbootstrap/v1alpha1\naddresses: {c: {a: [{first: 3, size: 16}]}}\n",
        "apiVersion: kbootstrap/v1alpha1\naddresses: {c: {a: [{first: 11, size: x}]}}\n",
        "apiVersion: kbootstrap/v1alpha1\nimages: [a]\n",
        "apiVersion: kbootstrap/v1alpha1\nimages: {c: {name: a}}\n",
        "apiVersion: kbootstrap/v1alpha1\nimages: {c: {name: a, id: 3}}\n",
        "<<<<<<< HEAD\naddresses: {}\n=======\n",
        "a: [",
        "\0",
    ],
)
def test_broken_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.lock.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(SpecInvalid) as caught:
        lockfile.load(path)
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert problem.span.path == str(path)


SIZES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), max_size=6)


@settings(max_examples=60)
@given(st.lists(SIZES, min_size=1, max_size=5))
def test_no_pool_moves(history: list[dict[str, int]]) -> None:
    found = Lock()
    for sizes in history:
        before = found.addresses.get("c", {})
        found = lock.allocate(local(" ".join(f"{name}={size}" for name, size in sizes.items())), found)
        after = found.addresses["c"]
        assert set(after) == set(sizes)
        every = [n for placed in after.values() for block in placed for n in range(block.first, block.end)]
        assert len(every) == len(set(every))
        for name, size in sizes.items():
            assert sum(block.size for block in after[name]) >= size
            assert after[name][: len(before.get(name, ()))] == before.get(name, ())


def test_a_lock_that_is_a_folder_is_not_an_error_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "dev.lock.yaml").mkdir()
    with pytest.raises(SpecInvalid, match="it is a folder") as caught:
        lockfile.load(tmp_path / "dev.lock.yaml")
    assert caught.value.code == "KB0410"
    assert "lock file" in str(caught.value.hint)


def test_a_new_pool_does_not_get_addresses_of_one_that_goes() -> None:
    """Both are there for a while: the nodes of the old one leave when those of the new one are Ready."""
    first = lock.allocate(local("old=2"), Lock())
    second = lock.allocate(local("new=2"), first)
    assert blocks(second) == {"new": [(27, 16)]}
    assert blocks(lock.allocate(local("new=2 late=1"), second)) == {"new": [(27, 16)], "late": [(11, 16)]}


def test_where_there_is_no_room_left_it_does() -> None:
    first = lock.allocate(local("old=2", agents="10.90.4.0/27"), Lock())
    assert blocks(lock.allocate(local("new=2", agents="10.90.4.0/27"), first)) == {"new": [(11, 16)]}


PINNED = Lock(
    artifacts={
        "k3s": {
            "v1.32.0+k3s1": ArtifactPin(
                {"k3s": "a" * 64, "k3s-airgap-images-amd64.tar.zst": "b" * 64}, "c" * 64
            )
        }
    },
    providers={
        "a/built": ProviderPin("1.54.1"),
        "b/published": ProviderPin("3.0.0-rc.1", (f"h1:{'A' * 42}+=", f"zh:{'0' * 64}")),
    },
)


def test_artifacts_and_providers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "spec.lock.yaml"
    path.write_text(lock.dump(PINNED), "utf-8")
    assert lockfile.load(path) == PINNED
    assert PINNED.artifact("k3s", "v1.32.0+k3s1") is not None
    assert PINNED.artifact("k3s", "v1.31.0+k3s1") is PINNED.artifact("rke2", "v1.32.0+k3s1") is None


def test_pins_of_unused_versions_are_removed() -> None:
    spec = local("a=1")
    (cluster,) = spec.clusters
    version = cluster.kubernetes.version
    both = PINNED.with_artifact("k3s", version, ArtifactPin({}, "d" * 64))
    both = both.with_artifact("k3s", "v1.0.0+k3s1", ArtifactPin({}, "e" * 64))
    assert lock.allocate(spec, both).artifacts == {"k3s": {version: ArtifactPin({}, "d" * 64)}}
    assert lock.allocate(spec, both).providers == PINNED.providers


@pytest.mark.parametrize(
    "text",
    [
        "artifacts: [a]\n",
        "artifacts: {k3s: {v1: {}}}\n",
        "artifacts: {k3s: {v1: {other: 1}}}\n",
        "artifacts: {k3s: {v1: {recipe: short}}}\n",
        "artifacts: {k3s: {v1: {published: {k3s: 1}}}}\n",
        "providers: {a/b: {}}\n",
        "providers: {a/b: {version: 1}}\n",
        "providers: {a/b: {version: '1.0.0', hashes: h1}}\n",
        "providers: {a/b: {version: '1.0.0', hashes: [sha256]}}\n",
        "providers: {a/b: {version: '1.0.0', more: 1}}\n",
    ],
)
def test_broken_pins(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.lock.yaml"
    path.write_text(f"apiVersion: kbootstrap/v1alpha1\n{text}", "utf-8")
    with pytest.raises(SpecInvalid) as caught:
        lockfile.load(path)
    assert caught.value.code == "KB0410"
