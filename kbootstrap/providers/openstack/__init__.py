"""The `openstack` provider: machines of an OpenStack cloud, made with OpenTofu's OpenStack provider.

| module         | part                                                                            |
|----------------|---------------------------------------------------------------------------------|
| `settings`     | what the spec says, with what is known of the cloud (`profiles`) filled in      |
| `problems`     | what the schema cannot say                                                      |
| `render…`      | the rendered root                                                               |
| `traits`       | roles of the resources in it; `hints`: words of failures                        |
| `credentials`  | which clouds.yaml entry or environment is used                                  |
| `connection`   | the only connection to the API; `failures` turns its exceptions into our errors |
| `names`        | names and marks of resources                                                    |
| `needs`        | what a cluster takes of the quotas (pure); `quotas` reads what there is         |
| `resources`    | image, flavors, networks, zones as the cloud has them                           |
| `present`      | what of the cluster is there                                                    |
| `preflight`    | compares these; lines of `doctor`, and refusals before anything is created      |
| `images`       | pins image names to IDs                                                         |
| `machines`     | inventory and faults; `power` starts machines, `consoles` reads their logs      |
| `inspection`   | which machines are gone, and which were never used                              |
| `cleanup`      | what Kubernetes created, and what interrupted runs left                         |
| `addons`       | programs in the cluster; `credential` is their access to the cloud              |
| `storage`      | what is known of object storage that keeps the state                            |
| `provider`     | the contract of `providers/model.py`                                            |

What any cloud needs is in `providers/cloud`.
"""

from __future__ import annotations

from kbootstrap.providers.openstack.provider import OpenStack

PROVIDER = OpenStack()
