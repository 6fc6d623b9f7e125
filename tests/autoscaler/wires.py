"""Clients of all wire forms, made by protoc: Cluster Autoscaler before 1.34.2, up to 1.34, and from 1.35 on.

Each knows only the fields of its own form, as the real ones do. That of 1.34.2 has both.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from kbootstrap.autoscaler.wire import Message, MessageClass
from kbootstrap.autoscaler.wire.messages import PACKAGE, SERVICE

FOLDER = Path(str(protoc.__file__)).parent
SOURCES = Path(__file__).parent.parent.parent / "kbootstrap" / "autoscaler" / "wire"
OLD, BOTH, NEW = "before 1.34.2", "1.34.2", "from 1.35"
FORMS = {OLD: ("from 1.34.2",), BOTH: (), NEW: ("up to 1.34",)}
"""The forms, each with the marks of the fields that it does not have."""


def compiled(*without: str) -> descriptor_pb2.FileDescriptorSet:
    """Compile the contract without the fields that have a mark."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in SOURCES.glob("*.proto"):
            lines = source.read_text("utf-8").splitlines(keepends=True)
            kept = (line for line in lines if not any(f"// {mark}" in line for mark in without))
            (folder / source.name).write_text("".join(kept), "utf-8")
        out = folder / "out"
        options = [
            f"-I{folder}",
            f"-I{FOLDER / '_proto'}",
            f"--descriptor_set_out={out}",
            "--include_imports",
        ]
        assert protoc.main(["protoc", *options, str(folder / "externalgrpc.proto")]) == 0
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


@functools.cache
def wire(form: str) -> Wire:
    """Return the messages of a form."""
    pool = descriptor_pool.DescriptorPool()
    for file in compiled(*FORMS[form]).file:
        pool.AddSerializedFile(file.SerializeToString())
    return Wire(form, pool)


@dataclass(frozen=True)
class Wire:
    form: str
    pool: descriptor_pool.DescriptorPool

    @property
    def old(self) -> bool:
        """Whether it has messages of Kubernetes."""
        return self.form != NEW

    @property
    def new(self) -> bool:
        """Whether it has bytes, and protobuf's own types; they are read before the old ones."""
        return self.form != OLD

    def message(self, name: str, package: str = PACKAGE) -> MessageClass:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"{package}.{name}"))

    def kubernetes(self, name: str) -> MessageClass:
        return self.message(name, "kbootstrap.kubernetes")


@dataclass(frozen=True)
class Client:
    """Calls by name, as Cluster Autoscaler makes them: one connection, a deadline for each call.

    Its own deadline is 5 s; a busy machine needs more.
    """

    wire: Wire
    channel: grpc.aio.Channel
    timeout: float = 300.0

    async def call(self, name: str, **fields: object) -> Message:
        method = self.wire.pool.FindServiceByName(SERVICE).methods_by_name[name]
        request, response = map(message_factory.GetMessageClass, (method.input_type, method.output_type))
        send = self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return await send(request(**fields), timeout=self.timeout)


def refused(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Return status and message of a failed call."""
    return error.code().name, error.details() or ""
