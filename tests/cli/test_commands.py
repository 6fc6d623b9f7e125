"""The command line as a user types it: exit codes and words, without any real part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.specs import SPECS

BROKEN = "apiVersion: kbootstrap/v1alpha1\nname: x\nclustrs: {}\n"

TWO = """\
  first:
    provider: {local: {}}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    control_plane: {nodes: 1}
  local:
"""


def run(
    *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "kbootstrap", *map(str, arguments)],
        cwd=cwd,
        env=dict(os.environ) | {"NO_COLOR": "1", "KBOOTSTRAP_CACHE": str(cwd / "cache")} | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["aply"], 64, "did you mean 'apply'"),
        (["apply", "--no-such-option"], 64, "--no-such-option"),
        (["apply"], 64, "which spec?"),
        (["apply", "missing.yaml"], 64, "missing.yaml"),
        (["apply", "."], 64, "folder"),
        (["apply", "broken.yaml"], 3, "clusters"),
        (["plan", "openstack.yaml"], 3, "Not supported yet"),
        (["apply", "-c", "nope", "local.yaml"], 64, "nope"),
        (["validate", "broken.yaml"], 3, "broken.yaml:3:1"),
        (["validate", "binary.yaml"], 3, "binary.yaml"),
        (["validate", "broken.lock.yaml"], 3, "broken.lock.yaml:3:1"),
        (["validate", "missing.lock.yaml"], 3, "missing.lock.yaml"),
        (["explain", "clusters.pols"], 64, "clusters.pools"),
        (["explain", "KB9999"], 64, "KB9999"),
        (["init", "--provider", "aws"], 64, "local"),
        (["render", "local.yaml"], 64, "--out"),
        (["ssh"], 64, "NODE"),
        (["rotate", "tokens", "-y", "local.yaml", "nope"], 64, "nope"),
        (["rotate", "certificates", "--within", "0", "local.yaml"], 64, "--within"),
        (["rotate", "tokens", "local.yaml"], 1, "-y was not given"),
        (["artifacts", "pull", "latest"], 64, "latest"),
        (["completion", "tcsh"], 64, "bash"),
        (["apply", "--tofu", "/nonexistent/tofu", "-y", "local.yaml"], 5, "/nonexistent/tofu"),
        (["check", "workloads", "--all", "-n", "shop", "local.yaml"], 64, "exclude each other"),
        (["check", "workloads", "-o", "xml", "local.yaml"], 64, "junit"),
        (["check", "workloads", "--tofu", "/nonexistent/tofu", "local.yaml"], 5, "/nonexistent/tofu"),
        (["status", "--interval", "3", "local.yaml"], 64, "--watch"),
        (["status", "--watch", "--interval", "0.1", "local.yaml"], 64, "interval"),
        (["status", "--watch", "--detailed-exitcode", "local.yaml"], 64, "Ctrl-C"),
        (["status", "--tofu", "/nonexistent/tofu", "local.yaml"], 5, "/nonexistent/tofu"),
        (["status", "--watch", "--tofu", "/nonexistent/tofu", "local.yaml"], 5, "/nonexistent/tofu"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "broken.lock.yaml").write_text(BROKEN)
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "local.yaml").write_text((SPECS / "local.yaml").read_text())
    (tmp_path / "openstack.yaml").write_text((SPECS / "exponent.yaml").read_text())
    done = run(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())


def test_status_of_one_cluster_does_not_hide_the_others(tmp_path: Path) -> None:
    """Each cluster says why it could not be looked at; the exit code is that of the first."""
    (tmp_path / "two.yaml").write_text((SPECS / "local.yaml").read_text().replace("  local:\n", TWO, 1))
    done = run("status", "--tofu", "/nonexistent/tofu", "-o", "json", "two.yaml", cwd=tmp_path)
    assert done.returncode == 5
    clusters = json.loads(done.stdout)["clusters"]
    assert [one["name"] for one in clusters] == ["first", "local"]
    assert all("/nonexistent/tofu" in one["note"] and not one["good"] for one in clusters)


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_without_any_plan_all_clusters_say_why(tmp_path: Path, command: str) -> None:
    """A failure that clusters share is shown once, with their names; programs get one for each cluster."""
    (tmp_path / "two.yaml").write_text((SPECS / "local.yaml").read_text().replace("  local:\n", TWO, 1))
    words = [command, *(["-y"] if command == "apply" else []), "--tofu", "/nonexistent/tofu", "two.yaml"]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.count("  --> clusters first, local") == 1
    assert "2 of 2 clusters failed: first, local\nnothing was changed" in done.stderr
    error = json.loads(run(*words, "-o", "json", cwd=tmp_path).stderr)
    assert (error["cluster"], error["code"], error["done"]) == ("first", "KB0503", [])
    assert error["changed"] is False
    assert [one["cluster"] for one in error["failures"]] == ["first", "local"]


def test_init_validates_and_renders_the_same_twice(tmp_path: Path) -> None:
    spec = tmp_path / "dev.yaml"
    spec.write_text(run("init", cwd=tmp_path).stdout)
    assert run("validate", spec, cwd=tmp_path).returncode == 0
    assert run("render", spec, "--out", "out", cwd=tmp_path).returncode == 0
    assert run("validate", "dev.yaml", "dev.lock.yaml", cwd=tmp_path).returncode == 0
    assert run("render", spec, "--out", "out", "--check", cwd=tmp_path).returncode == 0


def test_render_check_shows_a_diff_and_exits_with_2(tmp_path: Path) -> None:
    spec = tmp_path / "local.yaml"
    spec.write_text((SPECS / "local.yaml").read_text())
    run("render", spec, "--out", "out", cwd=tmp_path)
    spec.write_text(spec.read_text().replace("name: default, nodes: 1", "name: default, nodes: 2"))
    done = run("render", spec, "--out", "out", "--check", cwd=tmp_path)
    assert done.returncode == 2
    assert "+++" in done.stdout
    assert "local-default-2" in done.stdout


def test_checks_speak_to_a_workflow(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    said = run("validate", "-o", "github", "broken.yaml", cwd=tmp_path).stdout
    assert said.startswith("::error file=broken.yaml,line=3,title=KB")
    spec = tmp_path / "local.yaml"
    spec.write_text((SPECS / "local.yaml").read_text())
    run("render", spec, "--out", "out", cwd=tmp_path)
    spec.write_text(spec.read_text().replace("name: default, nodes: 1", "name: default, nodes: 2"))
    done = run("render", spec, "--out", "out", "--check", "-o", "github", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "::error file=out/local/pool_default.tf,line=1,title=kbootstrap render::was rendered" in done.stdout
    )


def test_a_saved_plan_is_distinguished_from_a_spec(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_bytes(b"PK\x03\x04 and nothing more")
    done = run("apply", "dev.yaml", cwd=tmp_path)
    assert (done.returncode, "KB0420" in done.stderr) == (64, True), done.stderr


def test_render_never_overwrites_an_edit_silently(tmp_path: Path) -> None:
    spec = tmp_path / "local.yaml"
    spec.write_text((SPECS / "local.yaml").read_text())
    run("render", spec, "--out", "out", cwd=tmp_path)
    edited = tmp_path / "out" / "local" / "network.tf"
    edited.write_text(edited.read_text() + "# mine\n")
    refused = run("render", spec, "--out", "out", cwd=tmp_path)
    assert refused.returncode == 1
    assert "network.tf" in refused.stderr
    assert "# mine" in edited.read_text()
    assert run("render", spec, "--out", "out", "--force", cwd=tmp_path).returncode == 0
    assert "# mine" not in edited.read_text()


def test_validate_speaks_json(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    found = json.loads(run("validate", "-o", "json", "broken.yaml", cwd=tmp_path).stdout)
    assert found["version"] == 1
    assert found["diagnostics"][0]["code"].startswith("KB")


def test_validate_asks_providers_about_their_settings(tmp_path: Path) -> None:
    text = (SPECS / "openstack.yaml").read_text().replace("external_network: public", "region: r")
    (tmp_path / "cloud.yaml").write_text(text)
    done = run("validate", "cloud.yaml", cwd=tmp_path)
    assert (done.returncode, "KB0350" in done.stderr) == (3, True), done.stderr


def test_an_image_that_is_not_pinned_stops_rendering(tmp_path: Path) -> None:
    spec = tmp_path / "openstack.yaml"
    spec.write_text((SPECS / "openstack.yaml").read_text())
    done = run("render", spec, "--out", "out", cwd=tmp_path)
    assert (done.returncode, "KB0353" in done.stderr) == (3, True), done.stderr
    (tmp_path / "openstack.lock.yaml").write_text((SPECS / "openstack.lock.yaml").read_text())
    assert run("render", spec, "--out", "out", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "modules" / "openstack" / "bastion" / "bastion.tf").exists()


def test_lock_writes_once(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text((SPECS / "local-ha.yaml").read_text())
    asked = run("lock", "--check", "dev.yaml", cwd=tmp_path)
    assert (asked.returncode, (tmp_path / "dev.lock.yaml").exists()) == (2, False)
    assert "+addresses:" in asked.stdout
    assert run("lock", "dev.yaml", cwd=tmp_path).returncode == 0
    again = run("lock", "--check", "dev.yaml", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "")
    assert "up to date" in run("lock", "--upgrade", "image", "dev.yaml", cwd=tmp_path).stderr


def test_lock_pins_what_is_published(tmp_path: Path) -> None:
    """Checksums come from the release page, here a folder; what is pinned stays until it is asked again."""
    page = tmp_path / "k3s-io" / "k3s" / "releases" / "download" / "v1.32.0+k3s1"
    page.mkdir(parents=True)
    for arch, program in {"amd64": "k3s", "arm64": "k3s-arm64"}.items():
        names = (program, f"k3s-airgap-images-{arch}.tar.zst")
        (page / f"sha256sum-{arch}.txt").write_text("".join(f"{'a' * 64}  {name}\n" for name in names))
    (tmp_path / "dev.yaml").write_text((SPECS / "local.yaml").read_text())
    env = {"KBOOTSTRAP_RELEASES_URL": f"file://{tmp_path}"}
    done = run("lock", "dev.yaml", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert f'+        k3s-arm64: "{"a" * 64}"' in done.stdout
    assert "+      recipe: " in done.stdout

    for file in page.iterdir():
        file.write_text(file.read_text().replace("a" * 64, "b" * 64))
    assert run("lock", "--check", "dev.yaml", cwd=tmp_path, env=env).returncode == 0
    again = run("lock", "--check", "--upgrade", "artifacts", "dev.yaml", cwd=tmp_path, env=env)
    assert (again.returncode, again.stdout.count("+        k3s")) == (2, 4)

    (tmp_path / "dev.yaml").write_text((SPECS / "local.yaml").read_text().replace("v1.32.0", "v1.31.0"))
    newer = run("lock", "dev.yaml", cwd=tmp_path, env={"KBOOTSTRAP_RELEASES_URL": "file:///nowhere"})
    assert newer.returncode == 0
    assert "only the recipe of its build is pinned" in newer.stderr
    assert "v1.32.0" not in (tmp_path / "dev.lock.yaml").read_text()


def test_a_version_without_a_source_does_not_stop_the_lock(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text((SPECS / "local.yaml").read_text().replace("v1.32.0", "v1.30.9"))
    done = run("lock", "dev.yaml", cwd=tmp_path, env={"KBOOTSTRAP_RELEASES_URL": "file:///nowhere"})
    assert (done.returncode, "nothing is pinned" in done.stderr) == (0, True), done.stderr
    assert "default:" in (tmp_path / "dev.lock.yaml").read_text()


def test_an_empty_cache_is_said(tmp_path: Path) -> None:
    assert "empty" in run("artifacts", "list", cwd=tmp_path).stdout.lower()
    assert json.loads(run("artifacts", "list", "-o", "json", cwd=tmp_path).stdout)["items"] == []
    assert run("artifacts", "prune", "--dry-run", cwd=tmp_path).returncode == 0


def test_output_may_end_early(tmp_path: Path) -> None:
    script = f"{sys.executable} -m kbootstrap explain clusters | head -1"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(tmp_path: Path, shell: str) -> None:
    assert "_KBOOTSTRAP_COMPLETE" in run("completion", shell, cwd=tmp_path).stdout


@pytest.mark.parametrize("words", [["validate"], ["plan"], ["apply", "-y"]])
def test_a_private_key_for_public_ones_is_refused_at_its_line(tmp_path: Path, words: list[str]) -> None:
    """Nothing of the key is printed, and nothing is written beside the spec."""
    spec = (SPECS / "local.yaml").read_text().rstrip("\n") + "\n    ssh: {authorized_keys: [{file: id}]}\n"
    (tmp_path / "local.yaml").write_text(spec)
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n")
    done = run(*words, "local.yaml", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert f"local.yaml:{len(spec.splitlines())}:" in done.stderr
    assert "KB0364" in done.stderr
    assert "c2VjcmV0" not in done.stdout + done.stderr
    assert not any("c2VjcmV0" in p.read_text() for p in tmp_path.rglob("*") if p.is_file() and p.name != "id")
