"""The `local` provider: nodes are containers on this machine, made with Docker or Podman.

| module         | part                                                                     |
|----------------|--------------------------------------------------------------------------|
| `render`       | the rendered root                                                        |
| `engine`       | which engine is there, and what it is like                               |
| `options`      | what a node needs to run systemd and kubelet with this engine            |
| `image`        | the node image, made from `node/`                                        |
| `containers`   | containers and networks as the engine tells of them                      |
| `claims`       | names, ports and addresses that somebody else uses                       |
| `keys`         | the SSH key                                                              |
| `machines`     | inventory, drift, cleanup                                                |
| `adoption`     | what is there although no state knows it                                 |
| `checks`       | lines of `doctor`                                                        |
| `hints`        | what the engine's words in failures of OpenTofu mean                     |
| `provider`     | the contract of `providers/model.py`                                     |
"""

from __future__ import annotations

from kbootstrap.providers.local.provider import Local

PROVIDER = Local()
