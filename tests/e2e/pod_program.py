#!/opt/python/bin/python3 -P
"""Takes Cluster Autoscaler's place in a pod: it refreshes as the real one, and makes the calls of a test.

    /cluster-autoscaler --cloud-config=FILE …       what the Deployment starts
    /cluster-autoscaler call NAME JSON              one call with the pod's files; prints the answer as JSON

It has no packages but grpc and protobuf: its messages are compiled by protoc from the contract.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "clusterautoscaler.cloudprovider.v1.externalgrpc.CloudProvider"
CONFIG = "/etc/kbootstrap/config/cluster-autoscaler.yaml"
SCAN = 10.0
"""Seconds between two loops, as `--scan-interval`."""


def settings(path: str) -> dict[str, str]:
    """Read the configuration of the provider `externalgrpc`: flat YAML."""
    lines = (line.partition(": ") for line in Path(path).read_text("utf-8").splitlines() if ": " in line)
    return {key: value.strip().strip('"') for key, _, value in lines}


def call(config: dict[str, str], name: str, fields: dict[str, object]) -> dict[str, object]:
    """Make one call, with mutual TLS and five seconds, as the real one does."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path("/contract.pb").read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    method = pool.FindServiceByName(SERVICE).methods_by_name[name]
    request, response = map(message_factory.GetMessageClass, (method.input_type, method.output_type))
    files = [Path(config[key]).read_bytes() for key in ("cacert", "key", "cert")]
    with grpc.secure_channel(config["address"], grpc.ssl_channel_credentials(*files)) as channel:
        send = channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        answer = send(json_format.ParseDict(fields, request()), timeout=5)
    return json_format.MessageToDict(answer, always_print_fields_with_no_presence=True)


class Health(BaseHTTPRequestHandler):
    """Answers the probe: the process is well as long as its loop goes on."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health-check" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing about probes."""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the log of a pod, or the answer of a call


def main(words: list[str]) -> None:
    if words[:1] == ["call"]:
        say(json.dumps(call(settings(CONFIG), words[1], json.loads(words[2]))))
        return
    flags = dict(word.removeprefix("--").split("=", 1) for word in words)
    assert flags["cloud-provider"] == "externalgrpc"
    server = ThreadingHTTPServer(("", 8085), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            call(settings(flags["cloud-config"]), "Refresh", {})
            say("refreshed")
        except grpc.RpcError as error:
            say(f"not refreshed: {error.code()} {error.details()}")
        time.sleep(SCAN)


if __name__ == "__main__":
    main(sys.argv[1:])
