"""The temporary cluster of a rehearsal, and what is fetched for it. Real ones are in `tests/e2e`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.cluster.snapshots.vault import Bundle, lock
from kbootstrap.commands.snapshot import restore_into
from kbootstrap.core.errors import CredentialsRefused, InstallFailed, PrerequisiteMissing, WrongUsage
from kbootstrap.core.events import Event
from kbootstrap.core.redact import Redactor
from kbootstrap.engine import rehearsal
from kbootstrap.engine.rehearsal import documents, rehearsals_of
from kbootstrap.engine.snapshot_bundle import fetch_bundle
from kbootstrap.spec import derive
from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.support import unsupported

LOCAL = rehearsals_of("local")
BUNDLE = Bundle("prod", f"K10{'a' * 64}::server:word", "agents-word")
SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  NAME:
    provider: {local: {engine: podman, api_port: 26443}}
    kubernetes:
      {distribution: k3s, version: v1.31.0+k3s1, secrets_encryption: true, pod_cidr: 10.60.0.0/16}
    network: {cidr: 10.40.0.0/16, control_plane: 10.40.0.0/24, agents: 10.40.4.0/22}
    control_plane: {nodes: 3}
    pools: [{name: web, nodes: 2}]
    artifacts: {mirror: "https://mirror.example.org"}
    snapshots: {passphrase: {env: PASS}, s3: {bucket: etcd, endpoint: s3.example.org, credentials: {env: K}}}
"""


def parsed(text: str) -> tuple[Spec, Cluster]:
    spec = load_text(text, Path("spec.yaml")).checked(Path("spec.yaml"))
    return spec, spec.clusters[0]


def test_the_throw_away_cluster_is_like_the_one_of_the_snapshot_and_apart_from_it() -> None:
    spec, cluster = parsed(SPEC.replace("NAME", "prod"))
    found = [parsed(text) for text in documents(spec, cluster, "local", LOCAL)]
    assert len(found) > 5
    twin_spec, twin = found[0]
    assert (twin_spec.name, twin.name) == ("shop-rehearsal", "prod-rehearsal")
    assert twin.kubernetes == cluster.kubernetes
    assert twin.artifacts == cluster.artifacts
    assert (twin.control_plane.nodes, twin.pools, twin.snapshots) == (1, (), None)
    assert twin.provider.settings["engine"] == "podman"
    assert unsupported(twin_spec, twin) == ()
    networks = {one.network for _, one in found}
    assert len(networks) == len({derive.api_port(s.name, one) for s, one in found}) == len(found)
    assert 26443 not in {derive.api_port(s.name, one) for s, one in found}
    assert cluster.network is not None
    assert not any(one.cidr.overlaps(cluster.network.cidr) for one in networks if one)


def test_long_names_fit() -> None:
    spec, cluster = parsed(SPEC.replace("NAME", "a" * 44))
    _, twin = parsed(documents(spec, cluster, "local", LOCAL)[0])
    assert len(twin.name) <= 40


def context(folder: Path, passphrase: str = "open") -> Any:  # noqa: ANN401, S107 (tests)
    spec, cluster = parsed(SPEC.replace("NAME", "prod"))
    return SimpleNamespace(
        spec=SimpleNamespace(path=folder / "spec.yaml", name=spec.name),
        cluster=cluster,
        runtime=SimpleNamespace(env={"PASS": passphrase}, redactor=Redactor()),
    )


async def test_a_file_comes_with_the_token_beside_it(tmp_path: Path) -> None:
    (tmp_path / "daily-a-1795698232").write_bytes(b"etcd")
    here = context(tmp_path)
    with pytest.raises(PrerequisiteMissing) as caught:
        await fetch_bundle(here, str(tmp_path / "daily-a-1795698232"))
    assert caught.value.code == "KB0890"
    (tmp_path / BUNDLE.name).write_bytes(lock(BUNDLE, "open"))
    found = await fetch_bundle(here, str(tmp_path / "daily-a-1795698232"))
    assert found.tokens == BUNDLE
    assert (found.snapshot.place, found.snapshot.made, found.snapshot.size) == ("file", 1795698232, 4)
    assert "word" not in here.runtime.redactor.clean(f"oops {BUNDLE.server} {BUNDLE.agent}")
    with pytest.raises(CredentialsRefused):
        await fetch_bundle(context(tmp_path, "wrong"), str(tmp_path / "daily-a-1795698232"))


@pytest.mark.parametrize("failure", [InstallFailed("no"), asyncio.CancelledError()])
async def test_what_fails_or_is_interrupted_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    done: list[str] = []
    reported: list[Event] = []

    async def fetch(*_: object) -> object:
        done.append("fetch")
        return None

    async def make(*_: object) -> None:
        done.append("make")
        raise failure

    async def remove(_: object, place: Path) -> None:
        done.append("remove")
        assert place == tmp_path / ".rehearsals" / "prod" / "rehearsal.yaml"
        if done.count("remove") == 2:
            raise InstallFailed("the engine is gone")

    monkeypatch.setattr(restore_into, "fetch_bundle", fetch)
    monkeypatch.setattr(rehearsal, "temporary_cluster", make)
    monkeypatch.setattr(rehearsal, "remove", remove)
    here = SimpleNamespace(
        space=SimpleNamespace(base=tmp_path),
        cluster=SimpleNamespace(name="prod"),
        runtime=SimpleNamespace(emit=reported.append),
    )
    with pytest.raises(type(failure)):
        await restore_into.rehearse(here, "s3", "local", keep=True, beginning=lambda: None)  # type: ignore[arg-type]
    assert done == ["fetch", "remove", "make", "remove"]
    assert "the engine is gone" in (reported[-1].detail or ""), "and the failure is reported, not this"


async def test_one_that_is_kept_stays(tmp_path: Path) -> None:
    place = tmp_path / ".rehearsals" / "prod"
    (place / ".kbootstrap" / "prod-rehearsal.run").mkdir(parents=True)
    (place / "kept").touch()
    here = SimpleNamespace(space=SimpleNamespace(base=tmp_path), cluster=SimpleNamespace(name="prod"))
    with pytest.raises(PrerequisiteMissing) as caught:
        await restore_into.rehearse(here, "s3", "local", keep=True, beginning=lambda: None)  # type: ignore[arg-type]
    assert caught.value.code == "KB0894"


def test_a_provider_without_temporary_clusters_is_wrong_usage() -> None:
    for provider in ("ssh", "nowhere"):
        with pytest.raises(WrongUsage, match=provider) as caught:
            rehearsals_of(provider)
        assert "one of: local" in (caught.value.hint or "")
