"""Words of container engines, as OpenTofu shows them."""

from __future__ import annotations

import pytest

from kbootstrap.providers.local import PROVIDER
from kbootstrap.tofu.hints import lookup


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("driver failed: Bind for 127.0.0.1:6443 failed: port is already allocated", "KB0513"),
        ("listen tcp4 127.0.0.1:6443: bind: address already in use", "KB0513"),
        (
            "Cannot connect to the Docker daemon at unix:///run/docker.sock",
            "KB0512",
        ),
        ("permission denied while trying to connect to the Docker daemon socket", "KB0512"),
        ("/bin/sh: 1: podman: not found", "KB0512"),
        ("Error response from daemon: Pool overlaps with other one on this address space", "KB0516"),
        ("Error: subnet 10.1.0.0/16 is already used on the host or by another config", "KB0516"),
        ("Error response from daemon: Address already in use", "KB0517"),
        ('Conflict. The container name "/dev-web-1" is already in use by container "ab"', "KB0517"),
        ('the container name "dev-web-1" is already in use by 12ab', "KB0517"),
        ("Error response from daemon: network with name kbootstrap-a-b already exists", "KB0517"),
        ("Error: No such image: kbootstrap-node:1", "KB0511"),
        ("local-exec provisioner error\nexit status 3", "KB0508"),
    ],
)
def test_known_failures(text: str, code: str) -> None:
    assert lookup(text, PROVIDER.traits.hints).code == code
