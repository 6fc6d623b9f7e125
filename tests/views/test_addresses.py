from __future__ import annotations

import pytest

from kbootstrap.views.addresses import step_text


@pytest.mark.parametrize(
    ("step", "node", "text"),
    [
        ("wait for the API server and etcd", "a", "wait for the API server and etcd"),
        ("create the cluster", None, "create the cluster"),
        ('create module.pool_web.terraform_data.node["dev-web-1"]', "dev-web-1", "create node"),
        ('create module.pool_web.terraform_data.node["dev-web-1"]', None, "create node dev-web-1"),
        ("delete module.network.terraform_data.this", None, "delete network"),
        ('create openstack_networking_port_v2.port["a"]', "a", "create openstack_networking_port_v2.port"),
        ("create null", None, "create null"),
    ],
)
def test_step_text(step: str, node: str | None, text: str) -> None:
    assert step_text(step, node=node) == text
