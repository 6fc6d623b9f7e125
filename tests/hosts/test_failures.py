from __future__ import annotations

import tomllib
from pathlib import Path

import kbootstrap
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts import failures
from kbootstrap.hosts.model import Output


def test_commands_are_named_shortly_and_without_secrets() -> None:
    redactor = Redactor()
    redactor.add("s3cr3t-value")
    assert failures.show_command("\n  echo s3cr3t-value\n", redactor) == "echo ••••"
    assert failures.show_command("set -e\nrm x", redactor) == "set -e …"
    assert len(failures.show_command("x" * 200, redactor)) == 80
    assert failures.show_command("", redactor) == ""


def test_put_failures() -> None:
    output = Output(28, "", "kbootstrap-free-kib 12\n")
    error = failures.put_failed("n", "/f", 5_000_000, output, Redactor())
    assert error.message == "no space left on n for /f: 4.8 MiB are needed, 12.0 KiB are free"
    output = Output(29, "", "cat: write error: No space left on device\nkbootstrap-free-kib 0\n")
    error = failures.put_failed("n", "/f", 10, output, Redactor())
    assert error.message == "no space left on n for /f: 10 bytes are needed, 0 bytes are free"
    assert error.detail == "cat: write error: No space left on device"


def test_every_code_is_explained() -> None:
    folder = Path(kbootstrap.__file__).parent
    explained = tomllib.loads((folder / "core" / "codes" / "hosts.toml").read_text())
    source = "".join(path.read_text() for path in (folder / "hosts").glob("*.py"))
    used = {f"KB07{n:02}" for n in range(100) if f'"KB07{n:02}"' in source}
    assert used == set(explained)
    assert all(entry["title"] and entry["text"].strip() for entry in explained.values())
