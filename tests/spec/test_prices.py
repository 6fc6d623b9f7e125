from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.spec import prices, schemas
from kbootstrap.spec.format_quantities import duration, seconds
from kbootstrap.spec.load import load_text
from kbootstrap.spec.model import Spec
from kbootstrap.spec.prices import Budget, Prices

CLOUD = """
apiVersion: kbootstrap/v1alpha1
name: dev
{top}
clusters:
  c:
    provider: {{openstack: {{external_network: x, image: {{name: Debian 12}}}}}}
    kubernetes: {{version: v1.32.0+k3s1}}
    network: {{cidr: 10.1.0.0/16, control_plane: 10.1.0.0/24, agents: 10.1.4.0/24}}
    control_plane: {{nodes: 1, flavor: small}}
    pools: [{{name: web, {pool}}}]
"""


def load(top: str = "", pool: str = "flavor: small, nodes: 1") -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    loaded = load_text(CLOUD.format(top=top, pool=pool), Path("spec.yaml"))
    return loaded.spec, loaded.diagnostics


def test_the_profiles_are_those_of_the_schema() -> None:
    assert list(prices.profiles()) == schemas.spec()["definitions"]["price_profile"]["enum"]


@pytest.mark.parametrize("name", prices.profiles())
def test_a_profile_has_its_date_and_source(name: str) -> None:
    found = prices.profile(name)
    assert found.date[:2] == "20"
    assert found.source
    assert found.flavors
    assert all(price > 0 for price in found.flavors.values())


def test_a_table_overrides_its_profile() -> None:
    spec, problems = load("prices: {profile: ovh, flavors: {b3-8: 0.1, own: 1e-3}, floating_ip: 0}")
    assert not problems
    assert spec is not None
    assert spec.prices is not None
    base = prices.profile("ovh")
    assert (spec.prices.currency, spec.prices.profile, spec.prices.date) == ("EUR", "ovh", base.date)
    assert spec.prices.flavors == {**base.flavors, "b3-8": Decimal("0.1"), "own": Decimal("0.001")}
    assert spec.prices.floating_ip == 0
    assert spec.prices.volume_gib == base.volume_gib


def test_a_table_alone_has_no_other_prices() -> None:
    spec, _ = load(
        "prices: {currency: CHF, volume_types: {fast: 0.0003}}\nbudget: {monthly: 10.5, currency: CHF}"
    )
    assert spec is not None
    assert spec.prices == Prices("CHF", volume_types={"fast": Decimal("0.0003")})
    assert spec.budget == Budget(Decimal("10.5"), "CHF")


def test_without_prices_there_are_none() -> None:
    spec, _ = load()
    assert spec is not None
    assert (spec.prices, spec.budget) == (None, None)


@pytest.mark.parametrize(
    ("pool", "flavor", "ladder"),
    [
        ("flavor: small, autoscaling: {min: 0, max: 3}", "small", ("small",)),
        ("autoscaling: {min: 0, max: 3, flavors: [small, big]}", "small", ("small", "big")),
        ("flavor: small, autoscaling: {min: 0, max: 3, flavors: [small]}", "small", ("small",)),
        ("flavor: small, nodes: 2", "small", ("small",)),
    ],
)
def test_the_first_flavor_is_the_pools(pool: str, flavor: str, ladder: tuple[str, ...]) -> None:
    spec, problems = load(pool=pool)
    assert not problems
    assert spec is not None
    (web,) = spec.clusters[0].pools
    assert (web.flavor, web.flavors) == (flavor, ladder)


def test_the_other_settings_of_autoscaling() -> None:
    spec, _ = load(
        pool="autoscaling: {min: 0, max: 3, flavors: [small], scale_down_after: 1h30m, priority: 7}"
    )
    assert spec is not None
    found = spec.clusters[0].pools[0].autoscaling
    assert found is not None
    assert (found.scale_down_after, found.priority) == (5400, 7)
    other, _ = load(pool="flavor: small, autoscaling: {min: 2, max: 3}")
    assert other is not None
    assert other.clusters[0].pools[0].nodes == 2
    scaled = other.clusters[0].pools[0].autoscaling
    assert scaled is not None
    assert (scaled.scale_down_after, scaled.priority) == (600, 0)


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h1m1s", 3661)])
def test_durations(text: str, value: int) -> None:
    assert duration(text) is None
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "10", "m", "0s", "1m1h", "10 m", "10m ", "-1m", "1d", "1.5h", "\N{ARABIC-INDIC DIGIT ONE}m"]
)
def test_no_durations(text: str) -> None:
    assert duration(text) is not None
