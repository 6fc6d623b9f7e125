"""The `openstack` provider: machines of an OpenStack cloud, created with OpenTofu's OpenStack provider.

| module         | part                                                                            |
|----------------|---------------------------------------------------------------------------------|
| `settings`     | settings of the spec, with the defaults of the cloud (`profiles`)               |
| `problems`     | validation that the schema cannot express                                       |
| `render…`      | the rendered root module                                                        |
| `traits`       | roles of its resources; `hints` explains error messages                         |
| `credentials`  | which clouds.yaml entry or environment is used                                  |
| `connection`   | the only connection to the API; `failures` translates its exceptions            |
| `names`        | names, tags and metadata of resources                                           |
| `needs`        | quotas that a cluster needs (pure); `quotas` reads those of the project         |
| `resources`    | image, flavors, networks and zones of the cloud                                 |
| `present`      | existing resources of the cluster                                               |
| `preflight`    | compares these: checks of `doctor`, and errors before anything is created       |
| `images`       | pins image names to IDs                                                         |
| `machines`     | inventory and faults; `power` starts machines, `consoles` reads their logs      |
| `inspection`   | machines that no longer exist, or that were never used                          |
| `elastic`      | elastic machines; `elastic_order` is the request, `user_data` a part of it      |
| `cleanup`      | removes resources of Kubernetes and of interrupted runs                         |
| `addons`       | components in the cluster; `credential` is their access to the cloud            |
| `storage`      | known limits of object storage as a state backend                               |
| `provider`     | implements the contract of `providers/model.py`                                 |

Code that is independent of OpenStack is in `providers/cloud`.
"""

from __future__ import annotations

from kbootstrap.providers.openstack.provider import OpenStack

PROVIDER = OpenStack()
