"""Shared code of cloud providers, independent of any cloud API.

| module          | part                                                                             |
|-----------------|----------------------------------------------------------------------------------|
| `keys`          | SSH keys of the spec; `operator_keys` falls back to those of the operator        |
| `console`       | parses host keys in console logs; `host_keys` waits for keys that are not pinned |
| `waiting`       | waiting in a thread that can be stopped                                          |
| `exposure`      | warnings for services that are open to every address                             |
| `needs`         | the quota that missing machines need                                             |
| `preflight`     | findings about flavors and quotas; errors before anything is created             |
| `inventory`     | the inventory from the output contract, with bastion and host keys               |
"""
