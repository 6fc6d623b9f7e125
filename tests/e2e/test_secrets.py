"""Known secrets in every place of a spec that may name one: none is in anything that is meant to be shared.

Tokens that k3s makes: `test_lifecycle.py`. What a cloud has: `test_openstack_variants.py`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, leftovers
from tests.e2e.test_snapshots import port

__all__ = ["port"]  # a fixture
pytestmark = [pytest.mark.timeout(600)]
CLUSTER = "e2esecret"
SERVER = f"{CLUSTER}-control-plane-1"
NODE_FILE = "/etc/rancher/k3s/config.yaml.d/20-kbootstrap-node.yaml"
NAMED = {
    "E2E_S3_ACCESS_KEY": "e2ekey",
    "E2E_S3_SECRET_KEY": "e2e-secret-key-0001",
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


def spec(port: int, tool: str, labels: str = "") -> str:
    encrypted = "state: {encryption: {passphrase: {env: E2E_STATE}}}\n" if tool.endswith("tofu") else ""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
{encrypted}clusters:
  {CLUSTER}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {{cidr: 10.238.0.0/16, control_plane: 10.238.0.0/24, agents: 10.238.4.0/22}}
    control_plane: {{nodes: 1{labels}}}
    snapshots:
      passphrase: {{env: E2E_PASS}}
      s3:
        bucket: e2e-etcd
        endpoint: "10.238.0.1:{port}"
        insecure: true
        credentials: {{env: E2E_S3}}
"""


def kept(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of the folder that may be shared, with its text; of saved plans the manifest."""
    for path in folder.rglob("*"):
        if not path.is_file() or path.name in PRIVATE or "s3" in path.relative_to(folder).parts:
            continue
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield str(path), archive.read("kbootstrap-plan.json").decode()
        else:
            yield str(path), path.read_text(errors="replace")


def test_known_secrets_are_nowhere(lab: Lab, port: int) -> None:
    lab.extra |= NAMED | BESIDE | {"KBOOTSTRAP_TOFU": lab.tool}
    path, said = lab.spec(spec(port, lab.tool)), {}

    def run(*words: str | Path, code: int | None = 0) -> str:
        done = lab.run(*words, code=code)
        said[f"{' '.join(map(str, words))} -> {code}"] = done.stdout + done.stderr
        return done.stdout + done.stderr

    try:
        run("validate", path)
        run("lock", path)
        run("render", path, "--out", "rendered")
        run("plan", "-o", "json", path)
        run("plan", "--out", "first.plan", path)
        run("apply", "--events", "events.jsonl", "-o", "json", "first.plan")
        run("status", "-o", "json", path)
        run("doctor", path)
        run("snapshot", "save")
        run("snapshot", "list", "-o", "json")

        # Somebody writes them into a file whose diff the plan shows, and onto a line that is removed.
        text = "\\n".join(f"# by hand {secret}" for secret in NAMED.values())
        lab.on_node(SERVER, f"printf '{text}\\n' >>{NODE_FILE}")
        lab.spec(spec(port, lab.tool, ", labels: {tier: web}"))
        for form in ("human", "json", "markdown", "github"):
            shown = run("plan", "-o", form, path)
            assert form == "github" or "tier=web" in shown, form
            assert form == "github" or "by hand ••••" in shown, form
        run("plan", "--out", "second.plan", path)
        run("apply", "-y", "--events", "second.jsonl", path)

        said |= {f"{name} (alive)": text for name, text in kept(lab.folder)}
        assert any("terraform.tfstate" in name for name in said)

        lab.extra["E2E_S3_SECRET_KEY"] = ""
        assert "E2E_S3_SECRET_KEY" in run("plan", path, code=4)
        lab.extra["E2E_S3_SECRET_KEY"] = "another-secret-key-0002"
        run("snapshot", "list", code=None)
    finally:
        lab.extra |= NAMED
        said["destroy"] = lab.run("destroy", "-y", path).stderr
        assert leftovers("e2e", CLUSTER) == []
    texts = {**said, **dict(kept(lab.folder))}
    assert any("events-" in name for name in texts)
    every = [*SECRETS, "another-secret-key-0002"]
    found = {place for place, text in texts.items() for secret in every if secret in text}
    assert not found
