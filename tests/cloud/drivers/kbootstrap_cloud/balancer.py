"""The data plane of one load balancer: haproxy in a network namespace, on the real VIP port of Neutron.

The port is bound to the control plane's host; there the linuxbridge agent finds its tap and wires it up.
"""

import shutil
import socket
from pathlib import Path
from typing import Any

from kbootstrap_cloud import haproxy
from kbootstrap_cloud.run import ip, run

_FOLDER = Path("/run/cloud/run/octavia")
_HOST = "control"


class Balancer:
    """One load balancer, by its record in Octavia's database."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.namespace = f"lb-{record.id[:13]}"
        self.folder = _FOLDER / record.id
        self.tap = f"tap{record.vip.port_id[:11]}"

    def plug(self, neutron: Any) -> None:
        """Wire the VIP port; done once."""
        if Path("/run/netns", self.namespace).exists():
            return
        port_id, vip = self.record.vip.port_id, self.record.vip
        neutron.update_port(port_id, is_admin_state_up=True, binding_host_id=_HOST)
        port, subnet = neutron.get_port(port_id), neutron.get_subnet(vip.subnet_id)
        mtu = str(neutron.get_network(port.network_id).mtu)
        inside = ("-n", self.namespace)
        ip("netns", "add", self.namespace)
        ip("link", "add", self.tap, "type", "veth", "peer", "name", "vip0", "netns", self.namespace)
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "link", "set", "vip0", "address", port.mac_address, "mtu", mtu, "up")
        ip(*inside, "address", "add", f"{vip.ip_address}/{subnet.cidr.split('/')[1]}", "dev", "vip0")
        ip("link", "set", self.tap, "up")
        if subnet.gateway_ip:
            ip(*inside, "route", "add", "default", "via", subnet.gateway_ip)

    def unplug(self) -> None:
        """Stop haproxy and remove the namespace."""
        self._stop()
        ip("link", "delete", self.tap, check=False)
        ip("netns", "delete", self.namespace, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self) -> None:
        """Run haproxy with the record's configuration; one that runs hands over its sockets."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "haproxy.cfg"
        file.write_text(haproxy.configuration(self.record, str(self.folder)))
        if not haproxy.listeners(self.record):
            self._stop()
            return
        old = self._pids()
        inside = ("nsenter", f"--net=/run/netns/{self.namespace}")
        run(*inside, "haproxy", "-D", "-f", str(file), *(["-sf", *old] if old else []))

    def member_states(self) -> dict[str, str]:
        """Return the operating status of members as haproxy sees them; empty when it does not run."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(1)
                control.connect(str(self.folder / "sock"))
                control.sendall(b"show stat\n")
                answer = b"".join(iter(lambda: control.recv(65536), b""))
        except OSError:
            return {}
        return haproxy.member_states(answer.decode())

    def _pids(self) -> list[str]:
        file = self.folder / "pid"
        return file.read_text().split() if file.exists() else []

    def _stop(self) -> None:
        if pids := self._pids():
            run("kill", *pids, check=False)
            (self.folder / "pid").unlink()
