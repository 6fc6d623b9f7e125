from __future__ import annotations

from pathlib import Path

from kbootstrap.spec.pins import ProviderPin
from kbootstrap.tofu import locked

STACK, OTHER = "terraform-provider-openstack/openstack", "hashicorp/random"
H1, ZH = f"h1:{'a' * 43}=", f"zh:{'0' * 64}"
TEXT = f"""\
# This file is maintained automatically by "tofu init".
# Manual edits may be lost in future updates.

provider "registry.opentofu.org/hashicorp/random" {{
  version = "3.6.0"
}}

provider "registry.opentofu.org/{STACK}" {{
  version     = "1.54.1"
  constraints = ">= 1.54.1, < 4.0.0"
  hashes = [
    "{H1}",
    "{ZH}",
  ]
}}
"""


def test_what_tofu_wrote_is_read() -> None:
    assert locked.read(TEXT) == {
        OTHER: ProviderPin("3.6.0"),
        STACK: ProviderPin("1.54.1", (H1, ZH)),
    }
    assert locked.read("") == {}


def test_sources() -> None:
    text = f'terraform {{\n  required_providers {{\n    a = {{\n      source  = "{STACK}"\n    }}\n  }}\n}}\n'
    assert locked.sources(text) == (STACK,)
    assert locked.sources("") == ()


def test_only_hashes_from_a_registry_are_valid_elsewhere() -> None:
    assert locked.published(ProviderPin("1", (H1, ZH))).hashes == (H1, ZH)
    assert locked.published(ProviderPin("1", (H1,))).hashes == ()


def test_a_pin_is_written_once(tmp_path: Path) -> None:
    pins = {STACK: ProviderPin("1.54.1", (H1, ZH))}
    assert locked.seed(tmp_path, "Terraform", pins)
    path = tmp_path / locked.NAME
    assert locked.read(path.read_text()) == pins
    assert f'provider "registry.terraform.io/{STACK}"' in path.read_text()
    assert not locked.seed(tmp_path, "Terraform", pins)
    assert not locked.seed(tmp_path, "Terraform", {})


def test_what_says_the_same_already_stays(tmp_path: Path) -> None:
    path = tmp_path / locked.NAME
    path.write_text(TEXT)
    assert not locked.seed(tmp_path, "OpenTofu", {STACK: ProviderPin("1.54.1", (ZH,))})
    assert path.read_text() == TEXT
    assert locked.seed(tmp_path, "OpenTofu", {STACK: ProviderPin("2.0.0")})
    assert locked.read(path.read_text()) == {OTHER: ProviderPin("3.6.0"), STACK: ProviderPin("2.0.0")}
    assert "hashes" not in path.read_text(), "an empty list is refused by OpenTofu"


def test_each_program_has_entries_of_its_own_registry(tmp_path: Path) -> None:
    """A user planned with OpenTofu and now takes Terraform: that would choose any version else."""
    pins = {STACK: ProviderPin("1.54.1", (ZH,))}
    assert locked.seed(tmp_path, "OpenTofu", pins)
    assert locked.seed(tmp_path, "Terraform", pins)
    assert "registry.terraform.io" in (tmp_path / locked.NAME).read_text()


def test_entries_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / locked.NAME
    path.write_text(TEXT)
    locked.forget(tmp_path, [OTHER], signed=True)
    assert path.read_text() == TEXT
    locked.forget(tmp_path, [STACK], signed=True)
    assert locked.read(path.read_text()) == {OTHER: ProviderPin("3.6.0")}
    locked.forget(tmp_path / "missing", [STACK])
