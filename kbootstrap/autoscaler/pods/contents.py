"""The content of the Secrets of both programs: made together, and in memory only.

Both certificates are issued by an authority whose key is forgotten here: there is none to keep or to lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from kbootstrap.autoscaler.certificates import CLIENT, SERVER
from kbootstrap.autoscaler.issuing import DAYS, issue, key_pem, new_authority, pem
from kbootstrap.autoscaler.pods.settings import HOST_NAME
from kbootstrap.cluster.state.pods_mark import PodsMark, token_mark
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.additions import SecretContent
from kbootstrap.providers.capabilities import AccessFiles


def secrets(
    access: AccessFiles, token: str, now: datetime, redactor: Redactor
) -> Mapping[str, SecretContent]:
    """Return both Secrets by name, the server's last.

    `token` is the agents' token in its full form, `access` has the credential of the infrastructure.
    """
    import asyncssh

    authority, authority_key = new_authority(f"{SERVER} CA {now:%Y-%m-%d}", now)
    server, server_key = issue(SERVER, (HOST_NAME,), authority, authority_key, now)
    client, client_key = issue(CLIENT, (), authority, authority_key, now)
    login = asyncssh.generate_private_key("ssh-ed25519", comment=SERVER)
    renewal = now + timedelta(days=DAYS) * 2 / 3
    mark = str(PodsMark(access.mark, int(renewal.timestamp()), token_mark(token)))
    of_client = {"client.crt": pem(client), "client.key": key_pem(client_key), "ca.crt": pem(authority)}
    of_server = {"tls.crt": pem(server), "tls.key": key_pem(server_key), "ca.crt": pem(authority)}
    keys = {"ssh-key": login.export_private_key().decode(), "agent-token": f"{token}\n"}
    for secret in (*keys.values(), of_client["client.key"].decode(), of_server["tls.key"].decode()):
        redactor.add(secret)
    return {
        CLIENT: SecretContent(mark, {name: content.decode() for name, content in of_client.items()}),
        SERVER: SecretContent(
            mark,
            {
                **{name: content.decode() for name, content in of_server.items()},
                **keys,
                **access.files,
                "authorized-keys": "".join(f"{key}\n" for key in access.authorized_keys),
            },
        ),
    }
