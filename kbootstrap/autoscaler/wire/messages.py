"""The message classes of the contract, made at import from the `.proto` files of this folder.

A pool of its own keeps them apart from other packages in the process that declare messages of the same names.
"""

from __future__ import annotations

from importlib import resources

from google.protobuf import any_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2

from kbootstrap.autoscaler.wire import MessageClass
from kbootstrap.autoscaler.wire.protofile import parse

PACKAGE = "clusterautoscaler.cloudprovider.v1.externalgrpc"
SERVICE = f"{PACKAGE}.CloudProvider"
_KUBERNETES = "kbootstrap.kubernetes"
_OTHERS = (any_pb2, duration_pb2, timestamp_pb2)


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    known: list[str] = []
    for module in _OTHERS:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        known += [one.full_name for one in module.DESCRIPTOR.message_types_by_name.values()]
    for name in ("kubernetes.proto", "externalgrpc.proto"):
        text = resources.files(__package__).joinpath(name).read_text("utf-8")
        file = parse(name, text, known)
        pool.AddSerializedFile(file.SerializeToString())
        known += [f"{file.package}.{message.name}" for message in file.message_type]
    return pool


_POOL = _pool()


def message(name: str) -> MessageClass:
    """Return the class of a message of the contract; KeyError if there is none."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def kubernetes(name: str) -> MessageClass:
    """Return the class of an object of Kubernetes; KeyError if there is none."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_KUBERNETES}.{name}"))


def methods() -> dict[str, tuple[MessageClass, MessageClass]]:
    """Return the calls of the service, each with the classes of its request and of its response."""
    found = _POOL.FindServiceByName(SERVICE).methods
    return {
        one.name: (
            message_factory.GetMessageClass(one.input_type),
            message_factory.GetMessageClass(one.output_type),
        )
        for one in found
    }
