"""What is refused before anything is made: a port that is taken, no engine, no terminal, no tool."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.e2e.lab import Lab, leftovers
from tests.e2e.specs import small


def test_a_port_that_is_taken(lab: Lab) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = small("e2eport").replace("local: {}", f"local: {{api_port: {port}}}")
        spec = lab.spec(text)
        done = lab.run("apply", "-y", spec, code=5)
    assert str(port) in done.stderr
    assert "api_port" in done.stderr
    assert leftovers("e2e", "e2eport") == []


def test_no_container_engine(lab: Lab, tmp_path: Path) -> None:
    """A PATH with everything but Docker and Podman."""
    bare = tmp_path / "bin"
    bare.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for tool in Path(folder).glob("*") if Path(folder).is_dir() else ():
            link = bare / tool.name
            if tool.name not in {"docker", "podman"} and not link.exists():
                link.symlink_to(tool)
    lab.extra["PATH"] = str(bare)
    done = lab.run("apply", "-y", lab.spec(small("e2enone")), code=5)
    assert "docker" in done.stderr.lower()


def test_no_terminal_and_no_yes(lab: Lab) -> None:
    done = lab.run("apply", lab.spec(small("e2easks")), code=1)
    assert "-y" in done.stderr
    assert leftovers("e2e", "e2easks") == []


def test_no_such_tool(lab: Lab) -> None:
    lab.tool = "/nonexistent/tofu"
    done = lab.run("apply", "-y", lab.spec(small("e2etool")), code=5)
    assert "/nonexistent/tofu" in done.stderr
