"""Words of OpenStack, as OpenTofu shows them (gophercloud and fault messages of the services)."""

from __future__ import annotations

import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.openstack import PROVIDER
from kbootstrap.tofu.hints import by_code, lookup


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The request you have made requires authentication", "KB0509"),
        ("One of auth_url or cloud must be specified", "KB0509"),
        (
            "Error creating OpenStack compute client: cloud lab does not exist\ncloud lab could not be found",
            "KB0509",
        ),
        ("Quota exceeded for cores: Requested 8, but already used 16 of 20 cores", "KB0510"),
        (
            (
                "Error creating openstack_networking_router_v2: Expected response code [201] when accessing "
                '[POST http://x/v2.0/routers], but got 409 instead: {"NeutronError": {"type": "OverQuota", '
                '"message": "Quota exceeded for resources: [\'router\']."}}'
            ),
            "KB0510",
        ),
        ("No valid host was found. There are not enough hosts available.", "KB0519"),
        ("Your query returned no results. Please change your search criteria and try again.", "KB0511"),
        ('but got 403 instead: {"error": "Policy doesn\'t allow os_compute_api:servers:create"}', "KB0520"),
        (
            (
                'but got 409 instead: {"type": "IpAddressAlreadyAllocated", "message": "IP address 10.0.0.11 '
                'already allocated in subnet 5d"}'
            ),
            "KB0521",
        ),
        ("Load Balancer 5d is immutable and cannot be updated.", "KB0522"),
        ("Unable to complete operation on network 5d. There are one or more ports still in use", "KB0522"),
        ('but got 409 instead: {"conflictingRequest": {}}', "KB0522"),
        (
            "timeout while waiting for state to become 'ACTIVE' (last state: 'BUILD', timeout: 30m0s)",
            "KB0523",
        ),
        ('Post "http://x/v3/auth/tokens": dial tcp 10.0.0.1:5000: connect: connection refused', "KB0523"),
        (
            'Get "http://x/v2.1/servers/1": OpenStack connection error, retries exhausted. Last error: EOF',
            "KB0523",
        ),
        ("but got 503 instead: Service Unavailable", "KB0523"),
        ("but got 502 instead: <h1>Bad Gateway</h1>", "KB0523"),
        ("Error acquiring the state lock\nHTTP 409 conflict", "KB0505"),
        ("Failed to query available provider packages\nconnection refused", "KB0506"),
        ("something new", "KB0501"),
    ],
)
def test_known_failures(text: str, code: str) -> None:
    assert lookup(text, PROVIDER.traits.hints).code == code


def test_credentials_have_their_exit_code() -> None:
    assert by_code("KB0520", PROVIDER.traits.hints).error is CredentialsRefused
