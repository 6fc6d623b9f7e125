"""A place without internet: an apply from a bundle, with all else out of reach, and a registry of the site.

The tests run in the order of the file, in `make test-full` with RKE2 too. The operator's offline machine is a
cache of its own, proxies that do not exist, no Go modules, and no mirror; nodes lose their way out of the
engine's networks.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source.machine import architecture
from kbootstrap.core.process import LocalRunner
from tests.e2e.lab import Lab, destroyed_after, leftovers, new_lab, wait_for
from tests.e2e.registry import LOGIN, Registry, image_in, registry
from tests.e2e.subjects import Subject, subject

pytestmark = [pytest.mark.ordered]

C = "airgap"
SERVER, AGENT = f"{C}-control-plane-1", f"{C}-default-1"
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), NOWHERE),
    "NO_PROXY": "localhost,127.0.0.0/8,10.0.0.0/8",
    "no_proxy": "localhost,127.0.0.0/8,10.0.0.0/8",
    "GOPROXY": "off",
}
BUSYBOX = "busybox"
"""A word in the name of the addons' helper image."""


@dataclass(frozen=True, slots=True)
class Site:
    """The spec of a distribution. `mirror` is where the machine with internet finds what is not built."""

    tried: Subject
    mirror: Path

    def spec(self, *, version: str = "", more: str = "    registries: {embedded_mirror: true}\n") -> str:
        """Return the spec, with further lines."""
        text = self.tried.spec(C, version=version, pools="      - {name: default, nodes: 1}\n", more=more)
        release = self.tried.release
        return text.replace(release.mirror(), f"file://{self.mirror}") if release else text

    def with_registry(self, port: int) -> str:
        """Return the spec with a mirror of docker.io that has other names and wants a password."""
        return self.spec(
            more=f"""\
    registries:
      embedded_mirror: true
      default_endpoint: false
      mirrors:
        docker.io:
          endpoints: ["http://10.X.0.1:{port}"]
          rewrites: {{"^e2e/(.*)": "site/e2e/$1"}}
      configs:
        "10.X.0.1:{port}": {{credentials: {{env: E2E_REGISTRY}}}}
    proxy: {{url: "{NOWHERE}", no_proxy: [10.X.0.1]}}
"""
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Registry]:
    with registry() as found:
        yield found


@pytest.fixture(scope="module", params=["k3s", pytest.param("rke2", marks=pytest.mark.full)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    tried = subject(str(request.param))
    mirror = tmp_path_factory.mktemp("site") / "mirror"
    if tried.release is not None:
        mirror.symlink_to(tried.release.place())
    return Site(tried, mirror)


@pytest.fixture(scope="module")
def online(site: Site, tmp_path_factory: pytest.TempPathFactory, tool: str) -> Lab:
    """The machine with internet: it has what an earlier run obtained."""
    lab = new_lab(tmp_path_factory, f"airgap-{site.tried.distribution}", tool)
    lab.extra |= {**LOGIN, "KBOOTSTRAP_CACHE": str(cache.root(os.environ))}
    lab.spec(site.spec())
    return lab


@pytest.fixture(scope="module")
def bundle(online: Lab) -> Path:
    path = online.folder / "site.bundle"
    online.run("artifacts", "bundle", "spec.yaml", path)
    return path


@pytest.fixture(scope="module")
def offline(site: Site, online: Lab, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The machine at the site, with an empty cache; at the end nothing may be left of the cluster."""
    assert bundle.is_file()
    site.mirror.unlink(missing_ok=True)
    empty = tmp_path_factory.mktemp("empty-cache")
    lab = replace(online, extra={**online.extra, **OFFLINE, "KBOOTSTRAP_CACHE": str(empty)})
    lab.__dict__["prefix"] = online.prefix
    with destroyed_after(lab, "e2e", C):
        yield lab


def cut(lab: Lab, node: str) -> None:
    """Cut a node's way out: only networks of the engine, of Pods and of Services remain."""
    rule = "! -d 10.0.0.0/8 ! -o lo -j REJECT"
    lab.on_node(node, f"iptables -I OUTPUT {rule}; iptables -I FORWARD {rule}")


@pytest.mark.full
def test_a_bundle_is_the_same_each_time(online: Lab, bundle: Path) -> None:
    again = online.folder / "again.bundle"
    said = online.run("artifacts", "bundle", "spec.yaml", again).stdout
    assert cache.sha256(again) == cache.sha256(bundle) == said.split()[0]
    again.unlink()


def test_bundles_that_do_not_fit_change_nothing(offline: Lab, bundle: Path, site: Site) -> None:
    damaged = bundle.with_name("damaged.bundle")
    with bundle.open("rb") as whole:
        damaged.write_bytes(whole.read(bundle.stat().st_size // 2))
    said = offline.run("apply", "-y", "spec.yaml", "--bundle", damaged, code=1).stderr
    assert "KB0914" in said
    offline.spec(site.spec(version=site.tried.old))
    said = offline.run("apply", "-y", "spec.yaml", "--bundle", bundle, code=64).stderr
    assert "KB0915" in said
    assert site.tried.old in said
    offline.spec(site.spec())
    assert not any(Path(offline.extra["KBOOTSTRAP_CACHE"]).glob("artifacts/*"))
    assert leftovers("e2e", C) == []


def test_an_apply_without_internet(offline: Lab, bundle: Path) -> None:
    offline.run("apply", "-y", "spec.yaml", "--bundle", bundle)
    assert offline.ready_nodes() == {SERVER, AGENT}
    done = offline.run("apply", "-y", "--detailed-exitcode", "spec.yaml", "--bundle", bundle)
    assert "nothing to do" in done.stderr.lower()


def images() -> tuple[bytes, list[bytes]]:
    """Return configuration and layers of an image with a shell; k3s brings one."""
    kept = asyncio.run(obtain("k3s", subject("k3s").new, architecture(), runner=LocalRunner()))
    (archive,) = [path for name, path in kept.paths.items() if name.endswith(".zst")]
    return image_in(archive, BUSYBOX)


def test_nodes_pull_from_the_registry_of_the_site(offline: Lab, server: Registry, site: Site) -> None:
    config, layers = images()
    server.add("site/e2e/hello", config, layers)
    server.lie("site/e2e/liar", config, layers)
    for node in (SERVER, AGENT):
        cut(offline, node)
    offline.spec(site.with_registry(server.port))
    planned = offline.run("plan", "--detailed-exitcode", "spec.yaml", code=2)
    assert "registries.yaml" in planned.stderr
    done = offline.run("apply", "-y", "spec.yaml")
    secret = LOGIN["E2E_REGISTRY_PASSWORD"]
    assert secret not in planned.stderr + planned.stdout + done.stderr + done.stdout
    logs = [path.read_text() for path in (offline.folder / ".kbootstrap").rglob("*.jsonl")]
    assert not any(secret in text for text in logs)
    for node in (SERVER, AGENT):
        file = f"/etc/rancher/{site.tried.distribution}/registries.yaml"
        assert offline.on_node(node, f"stat -c '%a %U' {file}; grep -c password {file}") == "600 root\n1"
    again = offline.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in again.stderr.lower()


def run_pod(lab: Lab, name: str, image: str, node: str = AGENT) -> None:
    lab.kubectl("delete", "pod", name, "--ignore-not-found", "--wait=true")
    there = json.dumps({"spec": {"nodeName": node}})
    words = ("run", name, f"--image=docker.io/e2e/{image}:1", f"--overrides={there}", "--restart=Never")
    lab.kubectl(*words, "--command", "--", "/bin/sh", "-c", "sleep 3600")


def test_a_pod_with_an_image_of_the_site(offline: Lab, server: Registry) -> None:
    run_pod(offline, "hello", "hello")
    offline.kubectl("wait", "pod/hello", "--for=condition=Ready", "--timeout=280s")
    assert any(path.startswith("/v2/site/e2e/hello/blobs/") for path in server.asked)
    assert server.refused or server.asked  # containerd may send the password with its first request


def test_nodes_give_each_other_images(offline: Lab, server: Registry) -> None:
    """The registry of the site is closed; the other node gets the image from the one that has it."""
    server.closed = True
    try:
        run_pod(offline, "shared", "hello", SERVER)
        offline.kubectl("wait", "pod/shared", "--for=condition=Ready", "--timeout=280s")
    finally:
        server.closed = False


def test_a_mirror_that_lies_about_a_digest(offline: Lab) -> None:
    run_pod(offline, "liar", "liar")

    def refused() -> bool:
        events = offline.get("events", "--field-selector", "involvedObject.name=liar")["items"]
        return any("digest" in event["message"] for event in events if event["type"] == "Warning")

    wait_for("the image is refused", refused)
    assert offline.get("pod", "liar")["status"]["phase"] == "Pending"


def test_the_proxy_is_not_used_inside_of_the_cluster(offline: Lab, site: Site) -> None:
    """It does not exist, and the cluster works: etcd, the API and the kubelets are reached without it.

    k3s clears its first variable when it writes its title. That is HTTPS_PROXY where the shell of the
    stand-in for RKE2 starts it.
    """
    main = f"systemctl show -p MainPID --value {site.tried.agent}"
    text = offline.on_node(AGENT, f"cat /proc/$({main})/environ | tr '\\0' '\\n'")
    set_there = {name for name in ("HTTP_PROXY", "HTTPS_PROXY") if f"{name}={NOWHERE}" in text.splitlines()}
    assert set_there >= ({"HTTP_PROXY"} if site.tried.stand_in else {"HTTP_PROXY", "HTTPS_PROXY"})
    assert offline.ready_nodes() == {SERVER, AGENT}
    assert "sleep" in offline.kubectl("exec", "hello", "--", "ps")


@pytest.mark.full
def test_another_password_is_drift(offline: Lab) -> None:
    changed = replace(offline, extra={**offline.extra, "E2E_REGISTRY_PASSWORD": "another-0002"})
    changed.__dict__["prefix"] = offline.prefix
    said = changed.run("status", "--detailed-exitcode", "spec.yaml", code=2)
    assert "registries.yaml" in said.stdout + said.stderr
    assert "another-0002" not in said.stdout + said.stderr


@pytest.mark.full
def test_what_the_spec_drops_is_gone(offline: Lab, site: Site) -> None:
    offline.spec(site.spec())
    offline.run("apply", "-y", "spec.yaml")
    file = f"/etc/rancher/{site.tried.distribution}/registries.yaml"
    left = offline.on_node(AGENT, f"grep -v '^#' {file}")
    assert left.split() == ["mirrors:", '"*":', "{}"]
    done = offline.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in done.stderr.lower()
