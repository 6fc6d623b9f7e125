from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from kbootstrap.spec import formats, schemas

ALL = {"spec": schemas.spec(), **{name: schemas.provider(name) for name in schemas.providers()}}


def inside(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from inside(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from inside(item)


@pytest.mark.parametrize("name", ALL)
def test_draft_07(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(dict(ALL[name]))


@pytest.mark.parametrize("name", ALL)
def test_every_key_has_a_description(name: str) -> None:
    for schema in inside(ALL[name]):
        for key, value in schema.get("properties", {}).items():
            assert value.get("description"), key
            assert "'" not in value["description"][:1]


@pytest.mark.parametrize("name", ALL)
def test_maps_are_closed_and_formats_are_known(name: str) -> None:
    for schema in inside(ALL[name]):
        if isinstance(schema.get("properties"), dict) and "type" in schema and schema["type"] == "object":
            assert "additionalProperties" in schema
            needed = {*schema.get("required", ()), *schema.get("x-required", ()), *schema.get("x-one-of", ())}
            assert needed <= set(schema["properties"])
        if isinstance(schema.get("format"), str):
            assert schema["format"] in formats.FORMATS


@pytest.mark.parametrize("name", schemas.providers())
def test_traits(name: str) -> None:
    assert schemas.trait(name, "network") in {"optional", "required", "refused"}
    assert schemas.trait(name, "flavor") in {"optional", "required", "refused"}
    assert schemas.trait(name, "hosts") in {"required", "refused"}


@pytest.mark.parametrize(
    ("format_", "good", "bad"),
    [
        (
            "cron",
            ["0 * * * *", "*/5 1-3,7 1 jan mon-fri", "@daily"],
            ["", "60 * * * *", "* * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"],
        ),
        (
            "kubernetes-version",
            ["v1.32.0+k3s1", "v1.32.0-rc1+k3s1", "v1.32.1+rke2r1"],
            ["1.32", "v1.32.0", "latest", "v1.32.0+k3s1\n"],
        ),
        (
            "taint",
            ["a=b:NoSchedule", "a:NoExecute", "x.org/a=:NoSchedule"],
            ["", "a", ":NoSchedule", "a=b", "a=b c:NoSchedule"],
        ),
        (
            "label-key",
            ["a", "x.org/a", "A.b_c-d"],
            ["", "/a", "-a", "a" * 64, "X.org/a"],
        ),
        (
            "label-value",
            ["", "a", "1.2"],
            ["-a", "a" * 64, "a b"],
        ),
        (
            "address",
            ["10.0.0.1", "node-1", "a.b.c"],
            ["", "10.0.0.1:22", "10.0.0.300", "::1", "a b", "me@host"],
        ),
        (
            "api-endpoint",
            ["load_balancer", "floating_ip", "virtual_ip", "10.0.0.1", "api.x.org"],
            ["load-balancer", "api", "10.0.0.1:6443"],
        ),
        (
            "ipv4",
            ["9.9.9.9"],
            ["9.9.9", "dns.example.org", "fe80::1", ""],
        ),
        (
            "listen-address",
            ["0.0.0.0:8086", "localhost:0", "[::1]:65535"],
            ["8086", ":8086", "10.0.0.1", "10.0.0.300:1", "10.0.0.1:65536", "::1:80", "a b:1", "a:"],
        ),
        (
            "cidr",
            ["10.0.0.0/8", "0.0.0.0/0"],
            ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/255.0.0.0", "10.0.0.0/ 8", "10.0.0.0/\u0668", "", "/8"],
        ),
        (
            "dns-label",
            ["a", "a1-b"],
            ["", "1a", "a-", "A", "a" * 64, "a.b", "a\n"],
        ),
        (
            "absolute-path",
            ["/a", "/a/b"],
            ["", "/", "a", "/a/../b", "/a b", "/a:b"],
        ),
        (
            "url",
            ["https://x.org", "http://x:80/a"],
            ["x.org", "ftp://x", "https://u:p@x/", "https://x/?q"],
        ),
        (
            "mirror",
            ["https://x.org/a", "file:///srv/mirror"],
            ["x.org", "file://srv/mirror", "file:///", "https://u:p@x/", "file:///a b"],
        ),
        (
            "bucket-name",
            ["abc", "a.b-c"],
            ["ab", "A_b", "a..b"],
        ),
    ],
)
def test_formats(format_: str, good: list[str], bad: list[str]) -> None:
    check = formats.FORMATS[format_]
    assert [value for value in good if check(value)] == []
    assert [value for value in bad if not check(value)] == []
