"""Cinder's backend: a volume is one sparse file.

A volume made from an image also gets a note of which. The Nova driver boots that image: a machine's root file
system is not on the volume.
"""

import shutil
from pathlib import Path
from typing import Any

from cinder import interface
from cinder.volume import driver
from oslo_config import cfg

CONF = cfg.CONF


@interface.volumedriver
class FileDriver(driver.VolumeDriver):
    """Volumes in one folder of the control plane, which every compute host sees."""

    VERSION = "1.0"
    CI_WIKI_NAME = "none"
    SUPPORTED = True

    def do_setup(self, context: Any) -> None:
        _folder().mkdir(parents=True, exist_ok=True)

    def check_for_setup_error(self) -> None:
        """Nothing can be wrong with a folder."""

    def create_volume(self, volume: Any) -> None:
        _grow(_file(volume.name), volume.size)

    def delete_volume(self, volume: Any) -> None:
        for path in (_file(volume.name), _note(volume.name)):
            path.unlink(missing_ok=True)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        _grow(_file(volume.name), new_size)

    def create_snapshot(self, snapshot: Any) -> None:
        _copy(snapshot.volume_name, snapshot.name)

    def delete_snapshot(self, snapshot: Any) -> None:
        self.delete_volume(snapshot)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        _copy(snapshot.name, volume.name)
        _grow(_file(volume.name), volume.size)

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        self.create_volume_from_snapshot(volume, src_vref)

    def clone_image(
        self, context: Any, volume: Any, image_location: Any, image_meta: Any, image_service: Any
    ) -> tuple[dict[str, Any], bool]:
        """Make a volume of an image without copying: nothing would read its bytes."""
        _grow(_file(volume.name), volume.size)
        _note(volume.name).write_text(image_meta["id"])
        return {}, True

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Files need no export."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Files need no export."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Files need no export."""

    def initialize_connection(self, volume: Any, connector: Any, **_: Any) -> dict[str, Any]:
        return {"driver_volume_type": "local", "data": {"device_path": str(_file(volume.name))}}

    def terminate_connection(self, volume: Any, connector: Any, **_: Any) -> None:
        """Nothing was connected."""

    def _update_volume_stats(self) -> None:
        pool = {
            "pool_name": "files",
            "total_capacity_gb": 10000,
            "free_capacity_gb": 9000,
            "provisioned_capacity_gb": 0,
            "reserved_percentage": 0,
            "QoS_support": False,
            "max_over_subscription_ratio": 20.0,
            "thin_provisioning_support": True,
            "multiattach": False,
        }
        self._stats = {
            "volume_backend_name": self.configuration.volume_backend_name,
            "vendor_name": "kbootstrap",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "pools": [pool],
        }


def _folder() -> Path:
    return Path(CONF.state_path, "volumes")


def _file(name: str) -> Path:
    return _folder() / name


def _note(name: str) -> Path:
    return _folder() / f"{name}.image"


def _grow(path: Path, gib: int) -> None:
    with path.open("ab") as stream:
        stream.truncate(gib << 30)


def _copy(old: str, new: str) -> None:
    shutil.copyfile(_file(old), _file(new))
    if _note(old).exists():
        shutil.copyfile(_note(old), _note(new))
