"""Reads a `.proto` file into protobuf's own description of it, without a compiler.

It knows the part of the language (proto3) that the files of this folder use: messages, enums, maps, services
with unary calls. The tests compare its result with that of protoc. So there is no generated code, and no step
of a build.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kbootstrap.autoscaler.wire import Message

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

_TOKEN = re.compile(r'"[^"]*"|[\w.]+|[{}()<>=;,]')
_COMMENT = re.compile(r"//[^\n]*")
_SCALARS = ("double", "int64", "int32", "bool", "string", "bytes")


def parse(name: str, text: str, imported: Collection[str] = ()) -> FileDescriptorProto:
    """Return the description of the file `name`; `imported` has the full names of types of other files.

    Raises ValueError for text outside the known part of the language, and for types that are not declared.
    """
    file = _Parser(text).file(name)
    prefix = f".{file.package}"
    _resolve(file, {*(f".{one}" for one in imported), *_declared(file.message_type, prefix)}, prefix)
    return file


class _Parser:
    """A recursive-descent parser; types of fields stay as they are written until `_resolve`."""

    def __init__(self, text: str) -> None:
        from google.protobuf import descriptor_pb2

        self._tokens = _TOKEN.findall(_COMMENT.sub("", text))
        self._at = 0
        self._pb: Any = descriptor_pb2

    def next(self, *wanted: str) -> str:
        """Return the next token, which must be one of `wanted` unless that is empty."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        if not token or (wanted and token not in wanted):
            raise ValueError(f"{token or 'the end'} where {' or '.join(wanted) or 'more'} is expected")
        self._at += 1
        return str(token)

    def skip(self, word: str) -> bool:
        """Skip the next token if it is this word."""
        found = self._at < len(self._tokens) and self._tokens[self._at] == word
        self._at += found
        return found

    def file(self, name: str) -> FileDescriptorProto:
        file: FileDescriptorProto = self._pb.FileDescriptorProto(name=name, syntax="proto3")
        while self._at < len(self._tokens):
            kind = self.next("syntax", "package", "import", "message", "service")
            if kind == "syntax":
                self.next("=")
                self.next('"proto3"')
                self.next(";")
            elif kind == "package":
                file.package = self.next()
                self.next(";")
            elif kind == "import":
                file.dependency.append(self.next().strip('"'))
                self.next(";")
            elif kind == "message":
                self._message(file.message_type.add())
            else:
                self._service(file.service.add())
        return file

    def _message(self, message: DescriptorProto) -> None:
        message.name = self.next()
        self.next("{")
        while not self.skip("}"):
            if self.skip("enum"):
                self._enum(message.enum_type.add())
            else:
                self._field(message)

    def _enum(self, enum: Message) -> None:
        enum.name = self.next()
        self.next("{")
        while not self.skip("}"):
            value = enum.value.add(name=self.next())
            self.next("=")
            value.number = int(self.next())
            self.next(";")

    def _field(self, message: DescriptorProto) -> None:
        kinds = self._pb.FieldDescriptorProto
        field = message.field.add(label=kinds.LABEL_OPTIONAL)
        if self.skip("repeated"):
            field.label = kinds.LABEL_REPEATED
        kind = self.next()
        if kind == "map":
            self.next("<")
            key, value = self.next("string"), (self.next(",") and self.next())
            self.next(">")
            field.label = kinds.LABEL_REPEATED
        field.name = self.next()
        self.next("=")
        field.number = int(self.next())
        self.next(";")
        if kind == "map":
            # How protobuf represents a map: a repeated message with a key and a value (language guide,
            # "Maps").
            kind = f"{field.name[0].upper()}{field.name[1:]}Entry"
            entry = message.nested_type.add(name=kind)
            entry.options.map_entry = True
            for number, (name, type_) in enumerate((("key", key), ("value", value)), 1):
                self._type(entry.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL), type_)
        self._type(field, kind)

    def _type(self, field: Message, kind: str) -> None:
        if kind in _SCALARS:
            field.type = getattr(self._pb.FieldDescriptorProto, f"TYPE_{kind.upper()}")
        else:
            field.type_name = kind

    def _service(self, service: Message) -> None:
        service.name = self.next()
        self.next("{")
        while not self.skip("}"):
            self.next("rpc")
            method = service.method.add(name=self.next())
            self.next("(")
            method.input_type = self.next()
            for token in (")", "returns", "("):
                self.next(token)
            method.output_type = self.next()
            for token in (")", "{", "}"):
                self.next(token)
            method.options.SetInParent()


def _declared(messages: Iterable[DescriptorProto], prefix: str) -> Iterator[str]:
    for message in messages:
        own = f"{prefix}.{message.name}"
        yield own
        yield from (f"{own}.{enum.name}" for enum in message.enum_type)
        yield from _declared(message.nested_type, own)


def _resolve(file: FileDescriptorProto, known: Collection[str], prefix: str) -> None:
    """Replace the names of types by full names, which begin with a dot."""

    def full(name: str, scope: str) -> str:
        while True:
            if f"{scope}.{name}" in known:
                return f"{scope}.{name}"
            if not scope:
                raise ValueError(f"there is no type {name}")
            scope = scope.rpartition(".")[0]

    def fields(message: DescriptorProto, scope: str) -> None:
        own = f"{scope}.{message.name}"
        enums = {f"{own}.{enum.name}" for enum in message.enum_type}
        for field in message.field:
            if field.type_name:
                field.type_name = full(field.type_name, own)
                field.type = field.TYPE_ENUM if field.type_name in enums else field.TYPE_MESSAGE
        for inner in message.nested_type:
            fields(inner, own)

    for message in file.message_type:
        fields(message, prefix)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = (
                full(method.input_type, prefix),
                full(method.output_type, prefix),
            )
