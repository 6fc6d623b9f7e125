"""Nova's virtualisation driver: a machine is a systemd-nspawn container with a network namespace of its own.

What Nova calls is its own contract (nova/virt/driver.py); what a machine is stands in machine.py, taps.py and
images.py. A volume is the file of cinder_driver.py behind a loop device.
"""

import functools
from pathlib import Path
from typing import Any

import nova.conf
import os_resource_classes as resource_classes
from nova import exception
from nova.api.metadata import base as metadata
from nova.compute import power_state
from nova.image import glance
from nova.virt import configdrive, driver, hardware, node

from kbootstrap_cloud import images, taps
from kbootstrap_cloud.machine import Machine
from kbootstrap_cloud.run import ip, run

CONF = nova.conf.CONF
_ROOT_DEVICE = "/dev/vda"
_CPU_INFO = (
    '{"arch": "x86_64", "model": "host", "vendor": "any", "features": [],'
    ' "topology": {"cores": 1, "threads": 1, "sockets": 1}}'
)
_INVENTORY = {
    resource_classes.VCPU: 32,
    resource_classes.MEMORY_MB: 65536,
    resource_classes.DISK_GB: 1000,
}


class NspawnDriver(driver.ComputeDriver):
    """One compute host."""

    capabilities = {  # noqa: RUF012 # the base class has it so
        **driver.ComputeDriver.capabilities,
        "has_imagecache": False,
        "supports_attach_interface": True,
        "supports_extend_volume": True,
        "supports_image_type_raw": True,
        "supports_multiattach": False,
    }
    requires_allocation_refresh = False
    rebalances_nodes = False

    # --- the host

    def init_host(self, host: str) -> None:
        Path(CONF.instances_path).mkdir(parents=True, exist_ok=True)

    def get_available_nodes(self, refresh: bool = False) -> list[str]:
        return [CONF.host]

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {node.get_local_node_uuid(): CONF.host}

    def node_is_available(self, nodename: str) -> bool:
        return nodename == CONF.host

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        return {
            "vcpus": _INVENTORY[resource_classes.VCPU],
            "memory_mb": _INVENTORY[resource_classes.MEMORY_MB],
            "local_gb": _INVENTORY[resource_classes.DISK_GB],
            "vcpus_used": 0,
            "memory_mb_used": 0,
            "local_gb_used": 0,
            "disk_available_least": _INVENTORY[resource_classes.DISK_GB],
            "hypervisor_type": "nspawn",
            "hypervisor_version": 252000,
            "hypervisor_hostname": nodename,
            "uuid": node.get_local_node_uuid(),
            "numa_topology": None,
            "cpu_info": _CPU_INFO,
            "supported_instances": [("x86_64", "lxc", "exe")],
        }

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> None:
        provider_tree.update_inventory(
            nodename,
            {
                name: {
                    "total": total,
                    "reserved": 0,
                    "min_unit": 1,
                    "max_unit": total,
                    "step_size": 1,
                    "allocation_ratio": 4.0,
                }
                for name, total in _INVENTORY.items()
            },
        )

    def get_host_ip_addr(self) -> str:
        return CONF.my_ip

    def get_host_uptime(self) -> str:
        return run("uptime")

    def get_host_cpu_stats(self) -> dict[str, int]:
        return {}

    def manage_image_cache(self, context: Any, all_instances: Any) -> None:
        """Keep every unpacked image: they go with the cloud."""

    # --- machines

    def list_instance_uuids(self) -> list[str]:
        return [path.name for path in Path(CONF.instances_path).glob("*-*-*-*-*") if path.is_dir()]

    list_instances = list_instance_uuids

    def instance_exists(self, instance: Any) -> bool:
        return _machine(instance).exists

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        machine = _machine(instance)
        if not machine.exists:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return hardware.InstanceInfo(state=power_state.RUNNING if machine.pid else power_state.SHUTDOWN)

    def spawn(
        self,
        context: Any,
        instance: Any,
        image_meta: Any,
        injected_files: Any,
        admin_password: Any,
        allocations: Any,
        network_info: Any = None,
        block_device_info: Any = None,
        power_on: bool = True,
        accel_info: Any = None,
    ) -> None:
        volumes = driver.block_device_info_get_mapping(block_device_info)
        image = instance.image_ref or _image_of_root(volumes)
        download = functools.partial(glance.API().download, context, image)
        machine = _machine(instance)
        instance_metadata = metadata.InstanceMetadata(
            instance, content=injected_files, network_info=network_info
        )
        with configdrive.ConfigDriveBuilder(instance_md=instance_metadata) as drive:
            machine.make(
                images.unpacked(image, CONF.host, lambda path: download(dest_path=path)), drive.mdfiles
            )
        self._start(machine, instance, network_info, volumes)

    def _start(self, machine: Machine, instance: Any, network_info: Any, volumes: Any) -> None:
        ip("netns", "add", machine.namespace, check=False)
        ip("-n", machine.namespace, "link", "set", "lo", "up")
        self.plug_vifs(instance, network_info)
        machine.start(max(instance.flavor.memory_mb, 256))
        for volume in volumes:
            if (
                volume["mount_device"] != _ROOT_DEVICE
            ):  # the root file system is an overlay, wherever it came from
                _attach(machine, volume["connection_info"], volume["mount_device"])

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        _machine(instance).stop()
        self.cleanup(context, instance, network_info, block_device_info, destroy_disks)

    def cleanup(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        migrate_data: Any = None,
        destroy_vifs: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        self.unplug_vifs(instance, network_info)
        _machine(instance).remove(disk=destroy_disks)

    def reboot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        reboot_type: str,
        block_device_info: Any = None,
        bad_volumes_callback: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        _machine(instance).stop(patience=10 if reboot_type == "SOFT" else 0)
        self.power_on(context, instance, network_info, block_device_info)

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        _machine(instance).stop(patience=timeout or 5)

    def power_on(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        machine = _machine(instance)
        if not machine.pid:
            for volume in driver.block_device_info_get_mapping(block_device_info):
                machine.detach(Path(volume["mount_device"]).name)
            self._start(
                machine, instance, network_info, driver.block_device_info_get_mapping(block_device_info)
            )

    def resume_state_on_host_boot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        share_info: Any = None,
        block_device_info: Any = None,
    ) -> None:
        self.power_on(context, instance, network_info, block_device_info)

    def get_console_output(self, context: Any, instance: Any) -> bytes:
        return _machine(instance).output()

    # --- network; security groups are the work of Neutron's agent

    def plug_vifs(self, instance: Any, network_info: Any) -> None:
        for number, vif in enumerate(network_info or []):
            taps.plug(_machine(instance).namespace, vif, number)

    def unplug_vifs(self, instance: Any, network_info: Any) -> None:
        for vif in network_info or []:
            taps.unplug(vif)

    def attach_interface(self, context: Any, instance: Any, image_meta: Any, vif: Any) -> None:
        namespace = _machine(instance).namespace
        taps.plug(namespace, vif, taps.count(namespace))

    def detach_interface(self, context: Any, instance: Any, vif: Any) -> None:
        taps.unplug(vif)

    # --- volumes

    def get_volume_connector(self, instance: Any) -> dict[str, Any]:
        return {
            "ip": CONF.my_ip,
            "host": CONF.host,
            "platform": "x86_64",
            "os_type": "linux",
            "multipath": False,
        }

    def default_root_device_name(self, instance: Any, image_meta: Any, root_bdm: Any) -> str:
        return _ROOT_DEVICE

    def attach_volume(
        self,
        context: Any,
        connection_info: Any,
        instance: Any,
        mountpoint: str,
        disk_bus: Any = None,
        device_type: Any = None,
        encryption: Any = None,
    ) -> None:
        _attach(_machine(instance), connection_info, mountpoint)

    def detach_volume(
        self, context: Any, connection_info: Any, instance: Any, mountpoint: str, encryption: Any = None
    ) -> None:
        _machine(instance).detach(Path(mountpoint).name)

    def extend_volume(self, context: Any, connection_info: Any, instance: Any, requested_size: int) -> None:
        """Grow a volume that is attached; its file has grown already."""
        machine = _machine(instance)
        for record in machine.folder.glob("loop-*"):
            backing = run("losetup", "--noheadings", "--output", "BACK-FILE", record.read_text()).strip()
            if backing == _file_of(connection_info):
                machine.grow(record.name.removeprefix("loop-"))


def _attach(machine: Machine, connection_info: Any, mountpoint: str) -> None:
    machine.attach(_file_of(connection_info), Path(mountpoint).name, connection_info["serial"])


def _machine(instance: Any) -> Machine:
    return Machine(Path(CONF.instances_path, instance.uuid), instance.uuid)


def _file_of(connection_info: Any) -> str:
    return connection_info["data"]["device_path"]


def _image_of_root(volumes: Any) -> str:
    """Return the ID of the image that a boot volume was made from; the Cinder driver notes it there."""
    for volume in volumes:
        if volume["mount_device"] == _ROOT_DEVICE:
            return Path(f"{_file_of(volume['connection_info'])}.image").read_text()
    raise exception.InvalidBDM
