"""The message classes are those that protoc makes, and the contract's numbers stay as they are."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from kbootstrap.autoscaler.wire.messages import kubernetes, message, methods
from kbootstrap.autoscaler.wire.protofile import parse
from tests.autoscaler.wires import FORMS, compiled, wire
from tests.golden import compare_tree

WELL_KNOWN = ("google.protobuf.Any", "google.protobuf.Duration", "google.protobuf.Timestamp")


def without_json_names(messages: object) -> None:
    for one in messages:  # type: ignore[attr-defined]
        for field in one.field:
            field.ClearField("json_name")  # protoc's own addition, derived from the name
        without_json_names(one.nested_type)


def test_the_files_mean_what_protoc_reads_in_them() -> None:
    files = {file.name: file for file in compiled().file}
    known = [
        *WELL_KNOWN,
        *(f"kbootstrap.kubernetes.{one.name}" for one in files["kubernetes.proto"].message_type),
    ]
    for name in ("kubernetes.proto", "externalgrpc.proto"):
        text = resources.files("kbootstrap.autoscaler.wire").joinpath(name).read_text("utf-8")
        without_json_names(files[name].message_type)
        assert parse(name, text, known) == files[name]


def test_fields_and_calls_of_the_contract(update_golden: bool) -> None:
    """Compared with the contract's definition in the releases of Cluster Autoscaler when it was written."""
    lines = []
    for file in compiled().file:
        if file.name.startswith("google"):
            continue
        for one in file.message_type:
            lines += [f"{one.name}.{field.name} = {field.number}: {kind(field)}" for field in one.field]
            lines += [f"{one.name} {value.name} = {value.number}" for e in one.enum_type for value in e.value]
        for service in file.service:
            lines += [f"{m.name}({m.input_type}) {m.output_type}" for m in service.method]
    text = "\n".join(lines) + "\n"
    compare_tree(Path(__file__).parent / "golden", {"contract.txt": text}, update=update_golden)


def kind(field: descriptor_pb2.FieldDescriptorProto) -> str:
    many = "repeated " if field.label == field.LABEL_REPEATED else ""
    return many + (field.type_name or field.Type.Name(field.type).removeprefix("TYPE_").lower())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('syntax = "proto2";', "proto2"),
        ("message A { string a = 1 }", "} where ; is expected"),
        ("message A { B b = 1; }", "there is no type B"),
        ("message A {", "the end where more is expected"),
        ("option x = 1;", "option where syntax or"),
    ],
)
def test_what_it_does_not_know_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse("a.proto", text)


def test_every_call_has_its_messages() -> None:
    assert len(methods()) == 15
    for request, response in methods().values():
        assert request().SerializeToString() == response().SerializeToString() == b""


def test_a_node_is_readable_in_both_forms() -> None:
    """Up to 1.34 as a message under the number 1, from 1.34.2 as bytes under the number 2; both are sent."""
    node = kubernetes("Node")()
    node.metadata.labels["a"] = "b"
    node.status.capacity["cpu"].string = "2"
    sent = message("NodeGroupTemplateNodeInfoResponse")(nodeInfo=node, nodeBytes=node.SerializeToString())
    found = {}
    for form in FORMS:
        known = wire(form)
        got = known.message("NodeGroupTemplateNodeInfoResponse").FromString(sent.SerializeToString())
        names = [*(["nodeInfo"] if known.old else []), *(["nodeBytes"] if known.new else [])]
        assert [field.name for field in got.DESCRIPTOR.fields] == names
        found[form] = known.kubernetes("Node").FromString(got.nodeBytes) if known.new else got.nodeInfo
    assert {one.metadata.labels["a"] for one in found.values()} == {"b"}
    assert {one.status.capacity["cpu"].string for one in found.values()} == {"2"}
