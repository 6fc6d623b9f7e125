"""The `local` provider: nodes are containers on this machine, created with Docker or Podman.

| module         | part                                                                     |
|----------------|--------------------------------------------------------------------------|
| `render`       | the rendered root module                                                 |
| `engine`       | detects the container engine and its properties                          |
| `options`      | options of the engine that nodes need to run systemd and kubelet         |
| `image`        | the node image, built from `node/`                                       |
| `containers`   | client for containers and networks of the engine                         |
| `claims`       | checks that names, ports and addresses are free                          |
| `keys`         | the SSH key                                                              |
| `machines`     | inventory, missing resources, cleanup                                    |
| `elastic`      | elastic machines                                                         |
| `adoption`     | finds existing resources after the state is lost                         |
| `checks`       | lines of `doctor`                                                        |
| `hints`        | explains error messages of the engine in failures of OpenTofu            |
| `provider`     | implements the contract of `providers/model.py`                          |
"""

from __future__ import annotations

from kbootstrap.providers.local.provider import Local

PROVIDER = Local()
