"""What the end-to-end tests run inside clusters. k3s and the stand-in for RKE2 bring the images along."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from kbootstrap.artifacts.source import images, machine
from kbootstrap.artifacts.source.pack import Data, Symlink
from tests.e2e.lab import Lab, engine, need, wait_for

BOX = "rancher/mirrored-library-busybox:1.36.1"
Pods = dict[str, tuple[str, str]]
"""Node name to pod name and address."""

_APPLETS = ("sh", "sleep", "nslookup", "wget", "nc", "hostname")


def bring_box(lab: Lab, nodes: Iterable[str], ctr: Sequence[str]) -> None:
    """Import the image on nodes whose distribution does not bring it; `ctr` is its program."""
    program = shutil.which("busybox")
    need(program, "busybox")
    archive = lab.folder / "box.tar.zst"
    links = {f"bin/{name}": Symlink("busybox") for name in _APPLETS}
    box = {**images.ACCOUNTS, "bin/busybox": Data(Path(str(program)), 0o755), **links}
    images.pack([images.Image(f"docker.io/{BOX}", box)], machine.architecture(), archive)
    for node in nodes:
        subprocess.run([engine(), "cp", str(archive), f"{node}:/root/box.tar.zst"], check=True)
        lab.on_node(node, f"zstd -dcq /root/box.tar.zst | {' '.join(ctr)} --namespace k8s.io images import -")


ECHO = f"""\
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: echo, labels: {{app: echo}}}}
spec:
  selector: {{matchLabels: {{app: echo}}}}
  template:
    metadata: {{labels: {{app: echo}}}}
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{{operator: Exists}}]
      containers:
        - name: echo
          image: {BOX}
          imagePullPolicy: Never
          command: ["sh", "-c", "while true; do hostname | nc -l -p 8080; done"]
---
apiVersion: v1
kind: Service
metadata: {{name: echo}}
spec:
  clusterIP: None
  selector: {{app: echo}}
  ports: [{{port: 8080}}]
"""


WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, labels: {{app: web}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: {box}
          imagePullPolicy: Never
          command: ["sh", "-c", "mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, {service}}}
"""


def echo_pods(lab: Lab) -> Pods:
    """Start one pod on every node that answers its name on port 8080."""
    lab.kubectl("apply", "-f", "-", stdin=ECHO)
    lab.kubectl("rollout", "status", "daemonset/echo", "--timeout=280s")
    found = lab.get("pods", "-l", "app=echo")["items"]
    return {p["spec"]["nodeName"]: (p["metadata"]["name"], p["status"]["podIP"]) for p in found}


def assert_all_answer(lab: Lab, pods: Pods) -> None:
    """Ask every pod from every other one. Right after a join a server may not reach every kubelet yet."""
    script = " && ".join(f"nc -w 5 {address} 8080 </dev/null" for _, address in pods.values())
    wanted = sorted(pod for pod, _ in pods.values())

    def complete(asking: str) -> bool:
        return sorted(lab.kubectl("exec", asking, "--", "sh", "-c", script).split()) == wanted

    for pod in wanted:
        wait_for(f"every pod answers {pod}", partial(complete, pod))


def start_web(lab: Lab, service: str) -> None:
    """Start a web server that answers its pod's name, `web-…`, and its Service with this spec besides."""
    lab.kubectl("apply", "-f", "-", stdin=WEB.format(box=BOX, service=service))
    lab.kubectl("rollout", "status", "deployment/web", "--timeout=280s")


def web_answers(address: str) -> bool:
    """Return whether that web server answers at an address from outside."""
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
            return bool(answer.read().startswith(b"web-"))
    except OSError:
        return False
