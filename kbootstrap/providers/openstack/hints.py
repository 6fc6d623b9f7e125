"""Explains error messages of OpenStack in failures of OpenTofu. The first match applies.

Sources: fault messages of Keystone, Nova, Neutron, Cinder and Octavia; gophercloud ("Expected HTTP response
code … but got 409 instead"); the Terraform provider ("timeout while waiting for state to become …").
"""

from __future__ import annotations

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.core.hints import hint

_NO_ROOM = (
    "KB0519",
    (
        "The cloud has no host with capacity for this machine: use another flavor, another availability "
        "zone, or `anti_affinity: soft`. Then run the same command again; it creates the machine again."
    ),
)
HINTS = (
    hint(
        r"quota exceeded|exceed(?:s|ed)? .{0,60}quota|quota .{0,60}exceed|overquota|overlimit"
        r"|quotas? .{0,40}(?:has|have) been met",
        "KB0510",
        "Request a larger quota, or make the pools smaller; `kbootstrap doctor` shows the usage. Created "
        "resources are kept: run the same command again to continue.",
    ),
    # Nova schedules concurrently created machines of one group independently, and detects a violation only on
    # the host (nova/compute/manager.py, `_validate_instance_group_policy`). Retries can collide again.
    hint(
        r"exhausted all hosts available for retrying|anti-affinity .{0,80}violated", *_NO_ROOM, passing=True
    ),
    hint(r"no valid host was found|not enough hosts available|anti-affinity .{0,80}fail", *_NO_ROOM),
    hint(
        r"\b401\b|authentication failed|requires authentication|unauthorized|one of `?auth_url"
        r"|cloud .{0,80} (?:not found|does not exist)"
        r"|missing input for argument \[(?:username|password)|unable to re-auth"
        r"|you must provide a password|application credential .{0,80}(?:expired|could not be found)",
        "KB0509",
        "Check the cloud's entry in clouds.yaml, or the OS_* environment variables: passwords change, tokens "
        "and application credentials expire. Created resources are kept: run the same command again to "
        "continue.",
        CredentialsRefused,
    ),
    hint(
        r"policy (?:does not|doesn't) allow|\b403\b.{0,300}(?:forbidden|not authorized)|disallowed by policy",
        "KB0520",
        "The user needs the role `member` in the project (for load balancers often "
        "`load-balancer_member` too); an application credential must have it as well.",
        CredentialsRefused,
    ),
    hint(
        r"ip ?address.{0,80}already (?:allocated|in use)|ipaddressalreadyallocated|ipaddressinuse"
        r"|already (?:allocated|in use) .{0,40}(?:subnet|network)|port .{0,80} is (?:still )?in use by",
        "KB0521",
        "Another port in the network has this address, of an earlier run or of another machine. `openstack "
        "port list --network NAME` shows it; delete it, then run the same command again.",
    ),
    hint(
        r"is immutable and cannot be updated|ports? still in use|one or more ports|(?:subnet|network|router|"
        r"securitygroup|security group)\S*.{0,60}in use|\b409\b|conflict",
        "KB0522",
        "The cloud is still processing the resource, or a resource outside kbootstrap uses it. Run the same "
        "command again in a minute; if the error persists, `openstack port list` shows what uses it.",
    ),
    hint(
        r"timeout while waiting for state|context deadline exceeded|client\.timeout|i/o timeout"
        r"|connection (?:refused|reset|error)|no such host|no route to host|tls handshake timeout"
        r"|\b50[234]\b.{0,200}(?:gateway|unavailable)|service unavailable|bad gateway|gateway time-?out",
        "KB0523",
        "The cloud's API did not respond in time, or the cloud was slow. Created resources are kept: run the "
        "same command again; if the error persists, check the cloud's status page.",
    ),
    hint(
        r"returned no results|unable to find (?:an? )?(?:image|flavor|network|keypair)"
        r"|could not find (?:image|flavor)|no matching (?:image|flavor)|invalid key_?name provided"
        r"|(?:image|flavor|network|subnet|router|keypair)\S* .{0,80}could not be found",
        "KB0511",
        "Compare the name in the spec with the resources of the cloud; `kbootstrap doctor` checks all names.",
    ),
)
