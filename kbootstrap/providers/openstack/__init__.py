"""The `openstack` provider: machines of an OpenStack cloud, made with OpenTofu's OpenStack provider.

| module         | part                                                                           |
|----------------|--------------------------------------------------------------------------------|
| `settings`     | what the spec says, with what is known of the cloud (`profiles`) filled in     |
| `problems`     | what the schema cannot say                                                     |
| `render…`      | the rendered root                                                              |
| `credentials`  | which clouds.yaml entry or environment is used                                 |
| `connection`   | the one door to the API; `failures` turns its exceptions into our errors       |
| `names`        | names and marks of resources                                                   |
| `needs`        | what a cluster takes of the quotas (pure); `quotas` reads what there is        |
| `resources`    | image, flavors, networks, zones as the cloud has them                          |
| `present`      | what of the cluster is there                                                   |
| `preflight`    | compares these; lines of `doctor`, and refusals before anything is made        |
| `images`       | pins image names to IDs                                                        |
| `keys`         | public SSH keys of new machines                                                |
| `machines`     | inventory; `power` starts machines                                             |
| `hostkeys`     | host keys from console logs, read by `console`                                 |
| `cleanup`      | what Kubernetes made, and what killed runs left                                |
| `storage`      | what is known of object storage that keeps the state                           |
| `hints`        | what OpenStack's words in failures of OpenTofu mean                            |
| `provider`     | the contract of `providers/model.py`                                           |
"""

from __future__ import annotations

from kbootstrap.providers.openstack.provider import OpenStack

PROVIDER = OpenStack()
