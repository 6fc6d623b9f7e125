"""The `ssh` provider: existing machines, bare metal or in a cloud. Needs no HCL and no OpenTofu.

| module     | part                                                               |
|------------|--------------------------------------------------------------------|
| `keys`     | host keys from the operator's own known_hosts file                 |
| `machines` | the machines that the spec lists, and their connections            |
| `provider` | implements the contract of `providers/model.py`                    |
"""

from __future__ import annotations

from kbootstrap.providers.ssh.provider import Ssh

PROVIDER = Ssh()
