"""The test cloud as tests use it: projects of their own, what is left in them, and their removal.

    cloud = start()
    project = cloud.new_project("apply", quotas={"cores": 4})
    …  # run kbootstrap with project.environment(folder)
    assert cloud.leftovers(project) == ()
    cloud.remove(project)

Every project has its own user, so key pairs (which belong to users) are its own too.
"""

from __future__ import annotations

import importlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cloud import sweep
from tests.cloud.sweep import Resource

AUTH_URL = "http://172.24.4.2:5000/v3"
REGION = "lab"
S3_URL = "http://172.24.4.2:9000"
"""A server of S3's protocol (moto); takes any key and secret."""
EXTERNAL_NETWORK = "public"
IMAGE = "Debian 12"
SSH_USER = "debian"
ZONE = "nova"
VOLUME_TYPE = "standard"

_ENTRY = "kbootstrap-lab"
_ADMIN = "kbootstrap-lab-admin"
_ROLES = ("member", "load-balancer_member", "creator")
_UP = Path(__file__).parent / "up"
_START_DEADLINE = 3600.0


@dataclass(frozen=True, slots=True)
class Project:
    """A project with one user, and that user's application credential."""

    id: str
    name: str
    user_id: str
    username: str
    password: str = field(repr=False)
    application_credential_id: str
    application_credential_secret: str = field(repr=False)

    def clouds_yaml(self, *, application_credential: bool = True) -> str:
        """Return a clouds.yaml with one entry, `kbootstrap-lab`; with the password when asked so."""
        if application_credential:
            auth_type = "v3applicationcredential"
            auth = {
                "application_credential_id": self.application_credential_id,
                "application_credential_secret": self.application_credential_secret,
            }
        else:
            auth_type = "password"
            auth = {
                "username": self.username,
                "password": self.password,
                "project_name": self.name,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            }
        lines = [f"clouds:\n  {_ENTRY}:\n    auth_type: {auth_type}\n    auth:\n      auth_url: {AUTH_URL}"]
        lines += [f"      {key}: {value}" for key, value in auth.items()]
        lines += [f"    region_name: {REGION}", "    identity_api_version: 3", ""]
        return "\n".join(lines)

    def environment(self, folder: Path, *, application_credential: bool = True) -> dict[str, str]:
        """Write clouds.yaml to a folder, and return the variables that choose its entry."""
        path = folder / "clouds.yaml"
        path.touch(mode=0o600)
        path.write_text(self.clouds_yaml(application_credential=application_credential), "utf-8")
        return {"OS_CLIENT_CONFIG_FILE": str(path), "OS_CLOUD": _ENTRY}


def clouds_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where a running cloud has its clouds.yaml."""
    home = Path(environment.get("HOME") or Path.home())
    base = Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "kbootstrap"
    return Path(environment.get("KBOOTSTRAP_CACHE") or base) / "cloud" / "run" / "clouds.yaml"


def find(environment: Mapping[str, str] = os.environ) -> Cloud | None:
    """Return the cloud when one runs; what a crash of this machine left behind is none."""
    path = clouds_file(environment)
    return Cloud(path) if path.is_file() and _answers() else None


def _answers() -> bool:
    where = urlsplit(AUTH_URL)
    try:
        with socket.create_connection((str(where.hostname), int(where.port or 80)), timeout=3):
            return True
    except OSError:
        return False


def start(environment: Mapping[str, str] = os.environ) -> Cloud:
    """Return the cloud; start it when none runs. Raises `RuntimeError` with the end of what `up` said."""
    done = subprocess.run(
        [str(_UP)],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_START_DEADLINE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the test cloud did not start:\n{(done.stdout + done.stderr)[-4000:]}")
    return Cloud(clouds_file(environment))


class Cloud:
    """A cloud that runs."""

    def __init__(self, clouds: Path) -> None:
        self.clouds = clouds
        self._admin: Any = None

    @property
    def admin(self) -> Any:
        """Connection of openstacksdk as who may do everything."""
        if self._admin is None:
            self._admin = self._connect(_ADMIN)
        return self._admin

    def _connect(self, entry: str, **overrides: Any) -> Any:
        sdk: Any = importlib.import_module("openstack")
        loader: Any = importlib.import_module("openstack.config.loader")
        config = loader.OpenStackConfig(config_files=[str(self.clouds)], load_envvars=False)
        return sdk.connection.Connection(config=config.get_one(entry, **overrides))

    def connect(self, project: Project) -> Any:
        """Return a connection of openstacksdk as the user of a project."""
        auth = {
            "auth_url": AUTH_URL,
            "username": project.username,
            "password": project.password,
            "project_id": project.id,
            "user_domain_id": "default",
            "project_name": None,
            "project_domain_name": None,
            "user_domain_name": None,
        }
        return self._connect(_ENTRY, auth=auth)

    def new_project(self, name: str, *, quotas: Mapping[str, int] | None = None) -> Project:
        """Make a project; `name` gets a random end, so that tests may run beside each other.

        Quotas as in `set_quotas`; whatever is not named has no limit.
        """
        keystone = self.admin.identity
        name = f"{name}-{secrets.token_hex(3)}"
        password = secrets.token_urlsafe(16)
        project = keystone.create_project(name=name, domain_id="default")
        user = keystone.create_user(name=name, password=password, domain_id="default")
        for role in _ROLES:
            keystone.assign_project_role_to_user(project, user, keystone.find_role(role))
        made = Project(project.id, name, user.id, name, password, "", "")
        credential = self._credential(made)
        if quotas:
            self.set_quotas(made, quotas)
        return Project(project.id, name, user.id, name, password, credential.id, credential.secret)

    def _credential(self, made: Project) -> Any:
        """Make an application credential; Keystone may not know the new roles for a moment."""
        refused: type[Exception] = importlib.import_module("openstack.exceptions").BadRequestException
        end = time.monotonic() + 60
        while True:
            try:
                identity = self.connect(made).identity
                return identity.create_application_credential(made.user_id, name="kbootstrap")
            except refused:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def set_quotas(self, project: Project, quotas: Mapping[str, int]) -> None:
        """Limit a project; `_QUOTAS` below has the names, and others are a `KeyError`. `ram` is in MiB."""
        for name, limit in quotas.items():
            service, key = _QUOTAS[name]
            if service == "compute":
                self.admin.compute.update_quota_set(project.id, **{key: limit})
            elif service == "volume":
                self.admin.block_storage.update_quota_set(project.id, **{key: limit})
            elif service == "network":
                self.admin.network.update_quota(project.id, **{key: limit})
            else:
                self.admin.load_balancer.update_quota(project.id, **{key: limit})

    def leftovers(self, project: Project) -> tuple[Resource, ...]:
        """Return every resource of a project, except what each project has (its group `default`)."""
        return sweep.resources(self.admin, project.id, project.user_id)

    def purge(self, project: Project) -> None:
        """Delete every resource of a project. Raises `TimeoutError` with what does not go away."""
        sweep.purge(self.admin, project.id, project.user_id)

    def remove(self, project: Project) -> None:
        """Purge a project, and delete it with its user."""
        self.purge(project)
        sweep.delete_default_groups(self.admin, project.id)
        self.admin.identity.delete_user(project.user_id, ignore_missing=True)
        self.admin.identity.delete_project(project.id, ignore_missing=True)


_QUOTAS = {
    **{name: ("compute", name) for name in ("instances", "cores", "ram", "server_groups", "key_pairs")},
    **{name: ("network", name) for name in ("networks", "subnets", "routers", "ports", "floating_ips")},
    **{name: ("network", name) for name in ("security_groups", "security_group_rules")},
    **{name: ("volume", name) for name in ("volumes", "gigabytes", "snapshots")},
    "load_balancers": ("load balancer", "load_balancers"),
}
