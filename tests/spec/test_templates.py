from __future__ import annotations

import pytest

from kbootstrap.core.errors import WrongUsage
from kbootstrap.spec import schemas
from kbootstrap.spec.templates import template, template_names
from tests.spec.samples import spec_of
from tests.specs import SPECS


@pytest.mark.parametrize("name", template_names())
def test_every_template_is_valid(name: str) -> None:
    assert spec_of(template(name)).clusters[0].provider.name == name


@pytest.mark.parametrize("name", template_names())
def test_every_template_has_the_editors_line_and_comments(name: str) -> None:
    lines = template(name).splitlines()
    assert lines[0].startswith("# yaml-language-server: $schema=")
    assert sum("#" in line for line in lines[4:]) > 3


def test_every_provider_has_one() -> None:
    assert set(template_names()) == set(schemas.providers())


def test_the_newcomers_spec_is_the_example() -> None:
    first, example = spec_of(template("local")), spec_of((SPECS / "local.yaml").read_text("utf-8"))
    assert first.clusters == example.clusters


def test_unknown_provider() -> None:
    with pytest.raises(WrongUsage) as caught:
        template("locl")
    assert caught.value.hint == "did you mean local?"
