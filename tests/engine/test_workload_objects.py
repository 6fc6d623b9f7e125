"""Reading the objects of namespaces: which are asked for, and what becomes of refusals."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kbootstrap import distros
from kbootstrap.checks.workloads.objects import KINDS
from kbootstrap.cluster.api.model import Api, ApiUnavailable
from kbootstrap.cluster.state.listing import Listing
from kbootstrap.core.errors import CredentialsRefused, WrongUsage
from kbootstrap.engine.workload_objects import Scope, read_namespaces
from tests.distros.samples import cluster


def item(name: str, namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


class Objects:
    """Answers lists by their path; others are empty."""

    def __init__(self, **more: Listing | ApiUnavailable) -> None:
        self.asked: list[str] = []
        names = ("default", "kube-public", "kube-system", "shop")
        self.answers: dict[str, Listing | ApiUnavailable] = {
            "/api/v1/namespaces": Listing(tuple(map(item, names))),
            "/apis/apps/v1/deployments": Listing((item("web", "shop"), item("dns", "kube-system"))),
            "/apis/apps/v1/namespaces/shop/deployments": Listing((item("web", "shop"),)),
            **{path.replace("_", "/"): answer for path, answer in more.items()},
        }

    async def objects(self, path: str) -> Listing:
        self.asked.append(path)
        answer = self.answers.get(path, Listing())
        if isinstance(answer, ApiUnavailable):
            raise answer
        return answer


def api(objects: Objects) -> Api:
    return cast("Api", objects)


async def test_namespaces_of_kubernetes_are_left_out() -> None:
    objects = Objects()
    found = await read_namespaces(api(objects), Scope())
    assert [one.name for one in found] == ["default", "shop"]
    assert [dict(one) for one in found[1].of("Deployment")] == [{**item("web", "shop"), "kind": "Deployment"}]
    assert found[0].of("Deployment") == ()
    assert sorted(objects.asked) == sorted(["/api/v1/namespaces", *(kind.path() for kind in KINDS.values())])


async def test_namespaces_of_the_distribution_are_left_out() -> None:
    listing = Listing(tuple(map(item, ("calico-system", "kube-system", "shop"))))
    calico = distros.of(cluster(distribution="rke2", version="v1.32.1+rke2r1", cni="calico").kubernetes)
    found = await read_namespaces(api(Objects(_api_v1_namespaces=listing)), Scope(), calico.namespaces)
    assert [one.name for one in found] == ["shop"]


async def test_all_namespaces() -> None:
    found = await read_namespaces(api(Objects()), Scope(everything=True))
    assert [one.name for one in found] == ["default", "kube-public", "kube-system", "shop"]


async def test_only_named_namespaces_are_read() -> None:
    objects = Objects()
    found = await read_namespaces(api(objects), Scope(("shop", "shop")))
    assert [one.name for one in found] == ["shop"]
    assert len(found[0].of("Deployment")) == 1
    assert "/apis/apps/v1/deployments" not in objects.asked
    assert "/apis/apps/v1/namespaces/shop/deployments" in objects.asked
    assert "/api/v1/persistentvolumes" in objects.asked


async def test_a_namespace_that_does_not_exist() -> None:
    with pytest.raises(WrongUsage, match="there is no namespace nope") as caught:
        await read_namespaces(api(Objects()), Scope(("shop", "nope")))
    assert caught.value.code == "KB0865"
    assert "default, kube-public" in (caught.value.hint or "")


async def test_without_the_right_to_list_namespaces_they_must_be_named() -> None:
    objects = Objects(_api_v1_namespaces=Listing(refused="forbidden"))
    with pytest.raises(CredentialsRefused, match="forbidden") as caught:
        await read_namespaces(api(objects), Scope())
    assert caught.value.code == "KB0864"
    [shop] = await read_namespaces(api(objects), Scope(("shop",)))
    assert len(shop.of("Deployment")) == 1


async def test_one_list_that_fails_leaves_the_others() -> None:
    refused = Listing(refused="pods is forbidden")
    broken = ApiUnavailable("it does not answer", detail="GET /api/v1/limitranges: status 500\nlong")
    objects = Objects(_api_v1_pods=refused, _api_v1_limitranges=broken)
    shop = (await read_namespaces(api(objects), Scope()))[1]
    assert shop.refused(["Deployment"]) == ""
    assert shop.refused(["Pod"]) == "Pod: pods is forbidden"
    assert shop.refused(["LimitRange"]) == "LimitRange: GET /api/v1/limitranges: status 500"


async def test_an_api_that_answers_no_list_is_a_failure() -> None:
    objects = Objects()
    objects.answers |= {kind.path(): ApiUnavailable("it does not answer") for kind in KINDS.values()}
    with pytest.raises(ApiUnavailable):
        await read_namespaces(api(objects), Scope())
