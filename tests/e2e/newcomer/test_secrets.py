"""Secrets are in nothing that is meant to be shared: tokens that k3s makes, and those that a spec names.

The last chapter of its cluster, in the order of the file: it searches what all runs before have left, and
ends with `destroy`. What a cloud has: `test_openstack_variants.py`.
"""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bucket import KEYS, bucket, snapshots
from tests.e2e.lab import Lab, engine, leftovers
from tests.e2e.newcomer.names import AGENT, SERVER, C, labelled, renamed

pytestmark = [pytest.mark.ordered]
SPEC = renamed
NODE_FILE = "/etc/rancher/k3s/config.yaml.d/20-kbootstrap-node.yaml"
NAMED = KEYS | {
    "E2E_PASS": "snapshot-passphrase-7741",
    "E2E_STATE": "state-passphrase-9920 long enough",
}
BESIDE = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret-5512",
    "TF_HTTP_PASSWORD": "http-password-5513",
    "OS_PASSWORD": "cloud-password-5514",
    "OS_APPLICATION_CREDENTIAL_SECRET": "credential-5515",
}
"""What the environment of an operator has, whether a spec needs it or not."""
SECRETS = [value for name, value in {**NAMED, **BESIDE}.items() if name != "E2E_S3_ACCESS_KEY"]
PRIVATE = {"kubeconfig", "id_ed25519", "kbootstrap.tfplan"}
"""Files that only their owner reads; the plan of OpenTofu among them."""

Said = dict[str, str]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bucket(tmp_path_factory.mktemp("s3")) as number:
        yield number


@pytest.fixture(scope="module")
def said() -> Said:
    """What the runs of this module said, by their command lines."""
    return {}


def spec(cluster: Lab, port: int) -> str:
    """Return the spec with every secret that it may name; OpenTofu encrypts its state."""
    text = renamed((cluster.folder / "printed").read_text())
    text = text.replace(f"  {C}:\n", f"  {C}:\n{snapshots(port)}", 1)
    if cluster.tool.endswith("tofu"):
        text = text.replace(
            "name: dev\n", "name: dev\nstate: {encryption: {passphrase: {env: E2E_STATE}}}\n", 1
        )
    return text


def kept(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of the folder that may be shared, with its text; of saved plans the manifest."""
    for path in folder.rglob("*"):
        if not path.is_file() or path.name in PRIVATE:
            continue
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield str(path), archive.read("kbootstrap-plan.json").decode()
        else:
            yield str(path), path.read_text(errors="replace")


def test_tokens_are_nowhere(cluster: Lab) -> None:
    """No token and no private key in any output, log, rendered file or state."""
    tokens = [
        cluster.on_node(SERVER, f"cat /var/lib/rancher/k3s/server/{name}").split(":")[-1]
        for name in ("token", "agent-token")
    ]
    key = (cluster.folder / ".kbootstrap" / f"{C}.run" / "id_ed25519").read_text().splitlines()[2]
    admin = next(
        line.split(": ")[1]
        for line in cluster.on_node(SERVER, "cat /etc/rancher/k3s/k3s.yaml").splitlines()
        if "client-key-data" in line
    )
    secrets = [*tokens, key, admin]
    assert all(len(secret) > 20 for secret in secrets)
    allowed = {"kubeconfig", "id_ed25519"}
    texts = {
        str(path): path.read_text(errors="replace")
        for path in cluster.folder.rglob("*")
        if path.is_file() and path.name not in allowed
    }
    assert any("terraform.tfstate" in name for name in texts)
    assert any("events-" in name for name in texts)
    for node in (SERVER, AGENT):
        texts[f"configuration of {node}"] = cluster.on_node(
            node, "cat /etc/rancher/k3s/config.yaml*/* /etc/rancher/k3s/config.yaml"
        )
        texts[f"processes of {node}"] = cluster.on_node(node, "ps -eo args")
        texts[f"journal of {node}"] = cluster.on_node(node, "journalctl --no-pager")
        inspected = subprocess.run([engine(), "inspect", node], capture_output=True, text=True, check=True)
        texts[f"container of {node}"] = inspected.stdout
    found = [place for place, text in texts.items() for secret in secrets if secret in text]
    assert not found


def test_runs_with_known_secrets_in_every_place(cluster: Lab, port: int, said: Said) -> None:
    lab, path = cluster, cluster.spec(spec(cluster, port))
    lab.extra |= NAMED | BESIDE

    def run(*words: str | Path, code: int | None = 0) -> str:
        done = lab.run(*words, code=code)
        said[f"{' '.join(map(str, words))} -> {code}"] = done.stdout + done.stderr
        return done.stdout + done.stderr

    run("validate", path)
    run("lock", path)
    run("render", path, "--out", "rendered")
    lab.extra["KBOOTSTRAP_STATE_UNENCRYPTED"] = "accept"  # it was not encrypted until now
    run("plan", "-o", "json", path)
    run("plan", "--out", "second.plan", path)
    run("apply", "--events", "second.jsonl", "-o", "json", "second.plan")
    del lab.extra["KBOOTSTRAP_STATE_UNENCRYPTED"]  # the state is encrypted now, though nothing else changed
    run("status", "-o", "json", path)
    run("doctor", path)
    run("snapshot", "save")
    run("snapshot", "list", "-o", "json")

    # A user writes them into a file whose diff the plan shows, and onto a line that is removed.
    named = [secret for name, secret in NAMED.items() if name in spec(lab, port)]
    text = "\\n".join(f"# by hand {secret}" for secret in named)
    lab.on_node(SERVER, f"printf '{text}\\n' >>{NODE_FILE}")
    lab.spec(labelled(spec(lab, port), "tier: web"))
    for form, out in (("markdown", ()), ("json", ("--out", "third.plan"))):
        shown = run("plan", "-o", form, *out, path)
        assert "tier=web" in shown, form
        assert "by hand ••••" in shown, form
    shown = run("apply", "-y", "--events", "third.jsonl", path)  # the plan, as `plan` shows it
    assert "tier=web" in shown
    assert "by hand ••••" in shown

    said |= {f"{name} (alive)": text for name, text in kept(lab.folder)}
    assert any("terraform.tfstate" in name for name in said)

    lab.extra["E2E_S3_SECRET_KEY"] = ""
    assert "E2E_S3_SECRET_KEY" in run("plan", path, code=4)
    lab.extra["E2E_S3_SECRET_KEY"] = "another-secret-key-0002"
    run("snapshot", "list", code=None)
    lab.extra |= NAMED


def test_destroy_asks_and_leaves_nothing(cluster: Lab, said: Said) -> None:
    refused = cluster.run("destroy", "spec.yaml", code=1)
    assert "-y" in refused.stderr
    assert cluster.ready_nodes() >= {SERVER, AGENT}
    said["destroy"] = cluster.run("destroy", "-y", "spec.yaml").stderr
    assert leftovers("dev", C) == []
    assert C not in cluster.kubectl("config", "view")
    assert {path.name for path in (cluster.folder / ".kbootstrap").iterdir()} & {
        C,
        f"{C}.run",
    } == set()
    cluster.run("destroy", "-y", "spec.yaml")


def test_known_secrets_are_nowhere(cluster: Lab, said: Said) -> None:
    assert len(said) > 10, "the runs before have said nothing"
    texts = {**said, **dict(kept(cluster.folder))}
    assert any("events-" in name for name in texts)
    every = [*SECRETS, "another-secret-key-0002"]
    found = {place for place, text in texts.items() for secret in every if secret in text}
    assert not found
