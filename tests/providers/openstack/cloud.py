"""A small OpenStack on loopback: HTTP with the answers that the real SDK needs, and lists that tests fill.

Resources are plain JSON as the real APIs give them, in `things["network/ports"]`. Lists are filtered by query
as far as a test needs it, DELETE removes, and a server's actions change its status. `failures` answers a path
(or `DELETE path`) with a status and text of a test's own; `delay` makes every answer slow.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from kbootstrap.spec.model import Spec
from tests.spec.samples import spec_of

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "A" + " anna"
Json = Any
Answer = tuple[int, dict[str, str], Json]
"""Status, headers, content."""
PROJECT = "5d1e0b6a"
PASSWORD = "correct-horse-battery"
SECRET = "shown-once-and-never-again"
KEYSTONE = "identity/v3/users/u/application_credentials"
RULES = "identity/v3/users/u/access_rules"
SERVICES = {
    "identity": "identity/v3",
    "compute": "compute/v2.1",
    "network": "network",
    "image": "image",
    "block-storage": f"volume/v3/{PROJECT}",
    "load-balancer": "lb",
}
LISTS = {
    "compute": r"(?:servers|flavors)(?:/detail)?|os-server-groups|os-keypairs|os-availability-zone",
    "network": "networks|subnets|routers|ports|floatingips|security-groups|security-group-rules",
    "image": "images",
    "volume": "volumes/detail|volumes|types",
    "lb": "loadbalancers|providers",
}
WRAPPED = {
    "os-server-groups": "server_groups",
    "os-keypairs": "keypairs",
    "os-availability-zone": "availabilityZoneInfo",
    "types": "volume_types",
}
ACTIONS = {"os-start": "ACTIVE", "unpause": "ACTIVE", "resume": "ACTIVE", "os-stop": "SHUTOFF"}


def openstack(
    settings: str = "", more: str = "", pools: str = "    pools: [{name: web, flavor: large, nodes: 2}]\n"
) -> Spec:
    """Return the spec `demo` with one cluster `prod` in the cloud `lab`."""
    inside = f"cloud: lab, external_network: public, image: {{name: Debian 12}}{settings and ', ' + settings}"
    return spec_of(
        f"""apiVersion: kbootstrap/v1alpha1
name: demo
clusters:
  prod:
    provider:
      openstack: {{{inside}}}
    kubernetes: {{version: v1.32.0+k3s1}}
    network: {{cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}}
    control_plane: {{nodes: 3, flavor: small}}
{pools}{more}"""
    )


class FakeCloud:
    """The cloud; `url` is its address while `with` lasts. `requests`: what was asked, `GET network/ports`."""

    def __init__(self) -> None:
        self.regions = ["one", "two"]
        self.absent: set[str] = set()
        """Services that the catalogue lacks."""
        self.things: dict[str, list[dict[str, Any]]] = {
            "compute/flavors": [flavor("small", 2, 4096, 20), flavor("large", 4, 8192, 40)],
            "compute/os-availability-zone": [{"zoneName": "nova", "zoneState": {"available": True}}],
            "network/networks": [{"id": "ext", "name": "public", "router:external": True, "tags": []}],
            "image/images": [image("img-1", "Debian 12", "2026-01-01T00:00:00Z")],
        }
        self.limits: dict[str, int] = {
            "maxTotalInstances": 10,
            "totalInstancesUsed": 0,
            "maxTotalCores": 40,
            "totalCoresUsed": 0,
            "maxTotalRAMSize": 65536,
            "totalRAMUsed": 0,
            "maxServerGroups": 10,
            "totalServerGroupsUsed": 0,
            "maxServerGroupMembers": 10,
        }
        self.volume_limits = {"maxTotalVolumes": 10, "totalVolumesUsed": 0} | {
            "maxTotalVolumeGigabytes": 1000,
            "totalGigabytesUsed": 0,
        }
        self.network_quota = {
            name: {"limit": limit, "used": 0, "reserved": 0}
            for name, limit in (
                ("network", 10),
                ("subnet", 10),
                ("router", 10),
                ("port", 50),
                ("floatingip", 10),
                ("security_group", 10),
                ("security_group_rule", 100),
            )
        }
        self.details = True
        self.roles = ["member"]
        self.restricted: bool | None = None
        """Whether the login is a restricted application credential; None: it is a password."""
        self.consoles: dict[str, list[str]] = {}
        self.failures: dict[str, tuple[int, str]] = {}
        self.delay = 0.0
        self.stalls: list[float] = []
        """Seconds by which the next answers are late, one by one."""
        self.requests: list[str] = []
        self.url = ""
        self._changing = threading.Lock()

    def __enter__(self) -> Self:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                status, headers, answer = cloud.answer(self.command, self.path, body)
                text = answer if isinstance(answer, str) else json.dumps(answer)
                data = b"" if status == 204 else text.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do_PUT = _any  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def clouds_yaml(self, **auth: str) -> str:
        login = {
            "auth_url": f"{self.url}/identity/v3",
            "username": "anna",
            "password": PASSWORD,
            "project_name": "demo",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        } | auth
        return json.dumps({"clouds": {"lab": {"auth": login, "region_name": "one"}}})

    def answer(self, method: str, url: str, body: Json) -> Answer:
        time.sleep(self.stalls.pop(0) if self.stalls else self.delay)
        parts = urlsplit(url)
        path = (
            parts.path.strip("/").replace(f"volume/v3/{PROJECT}", "volume").replace("compute/v2.1", "compute")
        )
        path = re.sub(
            r"^(network/v2\.0|image/v2|lb/v2/lbaas|lb/v2\.0/lbaas)/", lambda m: m[1].split("/")[0] + "/", path
        )
        self.requests.append(f"{method} {path}")
        for failing in (path, f"{method} {path}"):
            if failing in self.failures:
                status, text = self.failures[failing]
                return status, {}, text
        if path == "identity/v3/auth/tokens" and method == "POST":
            return self._token(body)
        if (
            path in {"identity/v3", "compute", "image", "volume/v3", "volume", "lb", "network"}
            and method == "GET"
        ):
            return 200, {}, self._versions(path)
        if path in (known := self._numbers()):
            return 200, {}, known[path]
        if path.startswith((RULES, KEYSTONE)):
            one = path.removeprefix(RULES).removeprefix(KEYSTONE).strip("/")
            rules = path.startswith(RULES)
            return self._rule(method, one) if rules else self._credential(method, one, body)
        with self._changing:
            return self._resource(method, path, dict(parse_qsl(parts.query)), body)

    def _numbers(self) -> dict[str, Json]:
        plain = {name: quota["limit"] for name, quota in self.network_quota.items()}
        answers = {
            "compute/limits": {"limits": {"absolute": self.limits, "rate": []}},
            "volume/limits": {"limits": {"absolute": self.volume_limits, "rate": []}},
            f"network/quotas/{PROJECT}/details": {"quota": self.network_quota},
            f"network/quotas/{PROJECT}": {"quota": plain},
            f"lb/quotas/{PROJECT}": {"quota": {"load_balancer": 10}},
        }
        if not self.details:
            del answers[f"network/quotas/{PROJECT}/details"]
        return answers

    def _token(self, body: Json) -> Answer:
        password = body["auth"]["identity"].get("password", {}).get("user", {}).get("password")
        secret = body["auth"]["identity"].get("application_credential", {}).get("secret")
        if not {PASSWORD, SECRET} & {password, secret}:
            text = "The request you have made requires authentication."
            return 401, {}, {"error": {"code": 401, "title": "Unauthorized", "message": text}}
        catalog = [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {
                        "id": f"{kind}-{r}",
                        "interface": "public",
                        "region": r,
                        "region_id": r,
                        "url": f"{self.url}/{p}",
                    }
                    for r in self.regions
                ],
            }
            for kind, p in SERVICES.items()
            if kind not in self.absent
        ]
        token = {
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "methods": ["password"],
            "project": {"id": PROJECT, "name": "demo", "domain": {"id": "default", "name": "Default"}},
            "user": {"id": "u", "name": "anna", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": name, "name": name} for name in self.roles],
            "catalog": catalog,
        }
        if self.restricted is not None:
            token["application_credential"] = {"id": "a", "name": "anna's", "restricted": self.restricted}
        return 201, {"X-Subject-Token": "gAAAA-token-of-the-fake"}, {"token": token}

    def _versions(self, path: str) -> Json:
        def version(number: str, url: str, most: str = "") -> dict[str, Any]:
            links = [{"rel": "self", "href": f"{self.url}/{url}"}]
            return {
                "id": number,
                "status": "CURRENT",
                "links": links,
                "version": most,
                "min_version": "2.1" if most else "",
            }

        if path == "identity/v3":
            return {"version": version("v3.14", "identity/v3/")}
        if path == "compute":
            return {"version": version("v2.1", "compute/v2.1/", "2.93")}
        if path.startswith("volume"):
            return {"versions": [{**version("v3.0", f"volume/v3/{PROJECT}/", "3.70"), "min_version": "3.0"}]}
        number = {"network": "v2.0", "image": "v2.9", "lb": "v2.27"}[path]
        folder = {"network": "network/v2.0/", "image": "image/v2/", "lb": "lb/v2/"}[path]
        return {"versions": [version(number, folder)]}

    def _resource(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        service, _, rest = path.partition("/")
        if re.fullmatch(LISTS.get(service, ""), rest) and method == "GET":
            kind = rest.removesuffix("/detail")
            found = [thing for thing in self.things.get(f"{service}/{kind}", ()) if _fits(thing, query)]
            key = WRAPPED.get(kind, kind.replace("-", "_"))
            return 200, {}, {key: [{"keypair": f} for f in found] if kind == "os-keypairs" else found}
        kind, _, one = rest.partition("/")
        one, _, verb = one.partition("/")
        things = self.things.setdefault(f"{service}/{kind}", [])
        found = [thing for thing in things if thing.get("id", thing.get("name")) == one]
        if not found:
            return 404, {}, {"itemNotFound": {"code": 404, "message": f"{kind} {one} could not be found."}}
        if verb == "action":
            return self._act(found[0], body)
        if verb == "remove_router_interface":
            gone = body["port_id"]
            self.things["network/ports"] = [p for p in self.things["network/ports"] if p["id"] != gone]
            return 200, {}, {}
        if method == "DELETE":
            things.remove(found[0])
            return 204, {}, ""
        wrapped = (
            found[0]
            if service == "image"
            else {kind.removesuffix("s").replace("-", "_").replace("os_", ""): found[0]}
        )
        return 200, {}, wrapped

    def _credential(self, method: str, one: str, body: Json) -> Answer:
        """Answer about application credentials: a restricted one may not make or remove others."""
        things = self.things.setdefault("identity/application_credentials", [])
        if method == "GET":
            return 200, {}, {"application_credentials": things}
        if self.restricted:
            return 403, {}, {"error": {"code": 403, "title": "Forbidden", "message": "restricted"}}
        if method == "DELETE":
            self.things["identity/application_credentials"] = [t for t in things if t["id"] != one]
            return 204, {}, ""
        made = body["application_credential"] | {"id": f"ac-{len(self.requests)}", "project_id": PROJECT}
        things.append(made)
        rules = self.things.setdefault("identity/access_rules", [])
        for rule in made.get("access_rules", ()):  # a user has each of them once
            if not any(rule.items() <= known.items() for known in rules):
                rules.append({**rule, "id": f"rule-{len(rules)}"})
        return 201, {}, {"application_credential": made | {"secret": SECRET}}

    def _rule(self, method: str, one: str) -> Answer:
        """Answer about access rules: one that a credential has stays."""
        rules = self.things.setdefault("identity/access_rules", [])
        if method == "GET":
            return 200, {}, {"access_rules": rules}
        used = [
            rule
            for made in self.things.get("identity/application_credentials", ())
            for rule in made.get("access_rules", ())
        ]
        found = next(rule for rule in rules if rule["id"] == one)
        if any(rule.items() <= found.items() for rule in used):
            return 403, {}, {"error": {"code": 403, "title": "Forbidden", "message": "in use"}}
        rules.remove(found)
        return 204, {}, ""

    def _act(self, server: dict[str, Any], body: Json) -> Answer:
        ((verb, _),) = body.items()
        if verb == "os-getConsoleOutput":
            logs = self.consoles.get(server["id"])
            if logs is None:
                return 404, {}, {"itemNotFound": {"code": 404, "message": "Unable to get console"}}
            return 200, {}, {"output": logs.pop(0) if len(logs) > 1 else logs[0]}
        server["status"] = ACTIONS[verb]
        return 202, {}, ""


def _fits(thing: dict[str, Json], query: dict[str, str]) -> bool:
    """Return whether a query keeps a thing; one without the field is kept, but not by the flags."""
    if thing.get("os_hidden") and query.get("os_hidden", "").lower() != "true":
        return False
    flags = {"os_hidden": False, "router:external": False}
    return all(
        str(thing.get(name, flags.get(name, value))).lower() == value.lower() for name, value in query.items()
    )


def flavor(name: str, cores: int, ram: int, disk: int) -> dict[str, Any]:
    return {"id": f"f-{name}", "name": name, "vcpus": cores, "ram": ram, "disk": disk}


def image(
    one: str, name: str, created: str, status: str = "active", *, hidden: bool = False
) -> dict[str, Any]:
    return {"id": one, "name": name, "status": status, "created_at": created, "os_hidden": hidden}


def server(name: str, one: str | None = None, status: str = "ACTIVE", **more: Json) -> dict[str, Any]:
    marks = {"kbootstrap.spec": "demo", "kbootstrap.cluster": "prod"}
    launched = {"OS-SRV-USG:launched_at": "2026-01-01T00:00:00.000000"}
    return {"id": one or f"id-{name}", "name": name, "status": status, "metadata": marks, **launched, **more}


TAGS = ["kbootstrap.spec=demo", "kbootstrap.cluster=prod"]


def tagged(one: str, name: str, **more: Json) -> dict[str, Any]:
    return {"id": one, "name": name, "project_id": PROJECT, "tags": TAGS, **more}
