"""The `ssh` provider: machines that exist, bare metal or of another cloud. No HCL, no OpenTofu.

| module     | part                                                               |
|------------|--------------------------------------------------------------------|
| `keys`     | host keys from the operator's own known_hosts file                 |
| `machines` | the machines as the spec names them, and how to reach them         |
| `provider` | the contract of `providers/model.py`                               |
"""

from __future__ import annotations

from kbootstrap.providers.ssh.provider import Ssh

PROVIDER = Ssh()
