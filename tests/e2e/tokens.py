"""What tests of rotated tokens share: their files, whether they are accepted, a rotation that is killed."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request

from tests.e2e.lab import Lab, kill_now, wait_for

TOKEN, AGENT_TOKEN = "/etc/rancher/k3s/kbootstrap-token", "/etc/rancher/k3s/kbootstrap-agent-token"


def accepted(lab: Lab, user: str, token: str) -> bool:
    """Return whether the API's side for nodes accepts the password of a token."""
    config = json.loads(lab.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    server = config["clusters"][0]["cluster"]["server"]
    password = token.rpartition(":")[2]
    path = "server-bootstrap" if user == "server" else "config"
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - an address of the lab
        f"{server}/v1-k3s/{path}", headers={"Authorization": f"Basic {basic}"}
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, context=context, timeout=120):  # noqa: S310 - as above
            return True
    except urllib.error.HTTPError as error:
        if error.code not in {401, 403}:
            raise
        return False


def rotate_killed(lab: Lab, moment: str) -> None:
    """Begin to rotate tokens and end it with `kill -9` once this step is done."""
    events = lab.folder / "killed.jsonl"
    events.unlink(missing_ok=True)
    process = lab.start("rotate", "tokens", "-y", "--events", events, "spec.yaml")

    def done() -> bool:
        lines = events.read_text().splitlines() if events.exists() else []
        reported = (json.loads(line) for line in lines if line.endswith("}"))
        return any(one.get("step") == moment and one.get("status") == "done" for one in reported)

    try:
        wait_for(f"the step '{moment}'", done, every=0.05)
    finally:
        kill_now(process)
