"""What every router must do: claims that are run over the whole registry, on the small API server and on a real one.

A new router needs one line in `CASES`. What a router does not do it must refuse, naming the field.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import (
    APISIX_ROUTES,
    HTTP_PROXIES,
    HTTP_ROUTES_V1,
    HTTP_ROUTES_V1BETA1,
    INGRESSES,
    KNATIVE_SERVICES,
    ROUTE_TABLES,
    TRAEFIK_SERVICES,
    TRAFFIC_ROUTES,
    TRAFFIC_SPLITS_V1ALPHA1,
    TRAFFIC_SPLITS_V1ALPHA2,
    TRAFFIC_SPLITS_V1ALPHA3,
    VIRTUAL_SERVICES,
    Resource,
)
from k8s.routers.base import Router, Split
from tests.objects import a_canary, a_knative_service, a_service, an_analysis, an_apisix_route, an_ingress

GATEWAY: Json = {"gatewayRefs": [{"name": "public"}]}
NAME = "podinfo"
OTHERS: Json = {
    "labels": {"argocd.argoproj.io/instance": "birds"},
    "annotations": {"argocd.argoproj.io/tracking-id": "birds:podinfo", "example.com/owner": "ann"},
}
"""Metadata that other tools put on any object."""
MESH: Json = {"gatewayRefs": [{"group": "core", "kind": "Service", "name": NAME, "port": 9898}]}

Undefining = Callable[[Resource], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Case:
    """What the contract has to know of one router."""

    objects: tuple[Resource, ...] = ()
    """Kinds of the objects that it makes."""
    name: str = NAME
    """Of all of them."""
    service: Json = field(default_factory=dict)
    """What its Canary needs in `spec.service` besides the guide's."""
    edit: Json = field(default_factory=lambda: {"port": 9899})
    """A change of `spec.service` that its objects show; empty when they show none."""
    spec: Json = field(default_factory=dict)
    """What its Canary needs in `spec` besides the guide's."""
    divides: bool = True
    """False: no traffic is divided, so there is no split to read, and nothing to refuse."""
    owns: bool = True
    """False: it writes into somebody else's objects, which it neither makes nor takes away."""
    needs: dict[str, Json] = field(default_factory=dict)
    """Objects of others that must be there before, by path; `{namespace}` in the path is replaced."""
    entry: tuple[str, Json] | None = None
    """A list in `spec` of its objects that others may add to, and something that leads to neither side."""
    is_built_in: bool = False
    """Kubernetes itself defines the objects, so their definition is never missing."""
    in_playground: bool = True
    """False: the real API server of the tests has no definition of its objects."""


STATIC_RULE: Json = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/static"}}],
    "backendRefs": [{"group": "", "kind": "Service", "name": "cdn", "port": 80, "weight": 1}],
}
HTTP_RULES = ("rules", STATIC_RULE)
CASES = {
    "apisix": Case(
        (APISIX_ROUTES,),
        name=f"{NAME}-{NAME}-canary",
        spec={"routeRef": {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": NAME}},
        edit={},
        needs={APISIX_ROUTES.path("{namespace}", NAME): an_apisix_route()},
    ),
    "contour": Case(
        (HTTP_PROXIES,),
        entry=("routes", {"conditions": [{"prefix": "/static"}], "services": [{"name": "cdn", "port": 80}]}),
    ),
    "gatewayapi:v1": Case((HTTP_ROUTES_V1,), service=GATEWAY, entry=HTTP_RULES),
    "gatewayapi:v1beta1": Case((HTTP_ROUTES_V1BETA1,), service=GATEWAY, entry=HTTP_RULES),
    "knative": Case(
        (KNATIVE_SERVICES,),
        spec={"targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": NAME}},
        edit={},
        entry=("traffic", {"latestRevision": True, "percent": 0, "tag": "preview"}),
        owns=False,
        needs={KNATIVE_SERVICES.path("{namespace}", NAME): a_knative_service(primary="podinfo-00000")},
    ),
    "gloo": Case(
        (ROUTE_TABLES,),
        entry=("routes", {"matchers": [{"prefix": "/static"}], "redirectAction": {"hostRedirect": "cdn.test"}}),
        in_playground=False,
    ),
    "istio": Case(
        (VIRTUAL_SERVICES,),
        edit={"hosts": ["podinfo.test"]},
        entry=("http", {"match": [{"uri": {"prefix": "/static"}}], "route": [{"destination": {"host": "cdn"}}]}),
    ),
    "kubernetes": Case(divides=False),
    "kuma": Case((TRAFFIC_ROUTES,)),
    "linkerd": Case((HTTP_ROUTES_V1BETA1,), service=MESH, entry=HTTP_RULES),
    **{
        provider: Case(
            (INGRESSES,),
            name=f"{NAME}-canary",
            spec={"ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": NAME}},
            edit={},
            is_built_in=True,
            needs={INGRESSES.path("{namespace}", NAME): an_ingress()},
        )
        for provider in ("nginx", "skipper")
    },
    **{
        f"smi:{resource.api_version.rpartition('/')[2]}": Case(
            (resource,),
            edit={"hosts": ["podinfo.test"]},
            in_playground=resource != TRAFFIC_SPLITS_V1ALPHA1,
        )
        for resource in (TRAFFIC_SPLITS_V1ALPHA1, TRAFFIC_SPLITS_V1ALPHA2, TRAFFIC_SPLITS_V1ALPHA3)
    },
    "traefik": Case((TRAEFIK_SERVICES,)),
}


@dataclass(frozen=True)
class Rig:
    """A router and a Canary of it."""

    cluster: Cluster
    router: Router
    case: Case
    raw: Json
    undefining: Undefining = lambda _: nullcontext()
    """While it is entered the cluster does not know that kind, where the fixture can bring that about."""

    @property
    def canary(self) -> Canary:
        """As loaded."""
        return load_canary(self.raw)

    def edited(self, **spec: Any) -> "Rig":
        """The Canary with fields of its spec merged, two levels deep."""
        raw = deepcopy(self.raw)
        for key, value in spec.items():
            raw["spec"][key] = {**raw["spec"][key], **value}
        return replace(self, raw=raw)

    def with_status(self, **status: str) -> "Rig":
        """The Canary with this status."""
        return replace(self, raw={**self.raw, "status": status})

    async def initialize(self) -> None:
        """As at bootstrap, and whenever the spec is edited."""
        await self.router.initialize(self.cluster, self.canary, self.raw)

    async def set(self, split: Split) -> None:
        """As at a step; afterwards the cluster says so."""
        await self.router.set(self.cluster, self.canary, self.raw, split)
        assert await self.get() == self.expected(split)

    async def get(self) -> Split | None:
        """What the cluster says."""
        return await self.router.get(self.cluster, self.canary)

    def expected(self, split: Split) -> Split | None:
        """What the cluster shall say."""
        return split if self.case.divides else None

    async def objects(self) -> list[Json | None]:
        """The router's objects, without what changes with every write."""
        namespace = self.canary.namespace
        found = [await find(self.cluster, resource, namespace, self.case.name) for resource in self.case.objects]
        return [substance(obj) if obj else None for obj in found]

    async def edit_as_others(self) -> None:
        """What a GitOps tool and a colleague write into each object of the router."""
        for path in self.paths():
            there = await self.cluster.get(path)
            patch: Json = {"metadata": deepcopy(OTHERS)}
            if self.case.entry and self.case.entry[1] not in self._list_of(there):
                patch["spec"] = {self.case.entry[0]: [*self._list_of(there), self.case.entry[1]]}
            await self.cluster.merge(path, patch)

    async def keeps_edits_of_others(self) -> bool:
        """Whether all of that is there."""
        there = [await self.cluster.get(path) for path in self.paths()]
        return all(
            all(values.items() <= obj["metadata"][key].items() for key, values in OTHERS.items())
            and (self.case.entry is None or self.case.entry[1] in self._list_of(obj))
            for obj in there
        )

    def paths(self) -> list[str]:
        """Of the router's objects."""
        return [resource.path(self.canary.namespace, self.case.name) for resource in self.case.objects]

    def _list_of(self, obj: Json) -> list[Json]:
        return list(obj["spec"].get(self.case.entry[0]) or []) if self.case.entry else []

    async def shows_more_than(self, other: "Rig", split: Split) -> bool:
        """Whether the objects of this Canary differ from those of the other: what is asked is not left out."""
        await other.set(split)
        theirs = await self.objects()
        await self.set(split)
        return await self.objects() != theirs or not self.case.divides

    def refuses(self, field_: str) -> bool:
        """Whether the spec is refused; then the text begins with the field."""
        problem = self.router.problem(self.canary)
        assert not problem or problem.startswith(field_), problem
        return bool(problem)


class Raced(Cluster):
    """A client that somebody else overtakes: between its first look at an object and its first change of one."""

    def __init__(self, cluster: Cluster, edit: Callable[[], Awaitable[None]]) -> None:
        super().__init__(cluster._api)
        self._edit, self.overtaken = edit, False

    async def merge(self, path: str, body: Json) -> Json:
        """Too late, the first time."""
        if not self.overtaken:
            self.overtaken = True
            await self._edit()
        return await super().merge(path, body)


def a_rig(
    cluster: Cluster,
    router: Router,
    provider: str,
    namespace: str,
    undefining: Undefining = Rig.undefining,
) -> Rig:
    """The guide's Canary, as this router needs it."""
    case = CASES[provider]
    raw = a_canary(provider=provider, service=a_service(**case.service), analysis=an_analysis(), **case.spec)
    raw["metadata"]["namespace"] = namespace
    return Rig(cluster, router, case, raw, undefining)


def substance(obj: Json) -> Json:
    """All but the marks of writing, and what a mesh writes beside us."""
    metadata = {key: obj["metadata"].get(key) for key in ("uid", "labels", "annotations", "ownerReferences")}
    return {"metadata": metadata, "spec": obj.get("spec")}


async def it_is_fit(rig: Rig) -> None:
    """The guide's Canary is not refused."""
    assert rig.router.problem(rig.canary) == ""


async def it_is_made_once(rig: Rig) -> None:
    """All traffic on the primary, nothing in the way, and the second time nothing is changed."""
    await rig.initialize()
    first = await rig.objects()
    await rig.initialize()
    assert await rig.objects() == first
    assert all(first)
    assert await rig.get() == rig.expected(Split(0))
    assert await rig.router.obstacle(rig.cluster, rig.canary) == ""


async def weights_are_set_and_read(rig: Rig) -> None:
    """The same weight again changes nothing."""
    await rig.initialize()
    for weight in (5, 100, 0, 40):
        await rig.set(Split(weight))
    before = await rig.objects()
    await rig.set(Split(40))
    assert await rig.objects() == before


async def an_edit_moves_no_traffic(rig: Rig) -> None:
    """A spec edited in the middle of a rollout changes the objects, and not the split."""
    await rig.initialize()
    await rig.set(Split(30))
    before = await rig.objects()
    edited = rig.edited(service=rig.case.edit)
    await edited.initialize()
    assert await edited.get() == edited.expected(Split(30))
    assert await edited.objects() != before or not (rig.case.objects and rig.case.edit)


async def what_vanished_is_made_again(rig: Rig) -> None:
    """With the split that is wanted."""
    if not rig.case.owns:
        return
    await rig.initialize()
    for resource in rig.case.objects:
        await rig.cluster.delete(resource.path(rig.canary.namespace, rig.case.name))
    assert await rig.get() is None
    await rig.set(Split(35))


async def edits_of_others_stay(rig: Rig) -> None:
    """Labels, annotations, and entries that lead to neither side: through steps and edits of the Canary."""
    await rig.initialize()
    await rig.edit_as_others()
    for weight in (30, 100, 0):
        await rig.set(Split(weight))
    await rig.edited(service=rig.case.edit).initialize()
    assert await rig.keeps_edits_of_others()


async def who_is_overtaken_starts_over(rig: Rig) -> None:
    """A write between the router's look and its own write: both are there in the end."""
    if not rig.case.objects:
        return
    await rig.initialize()
    raced = Raced(rig.cluster, rig.edit_as_others)
    await replace(rig, cluster=raced).set(Split(25))
    assert raced.overtaken
    assert await rig.keeps_edits_of_others()


async def a_missing_definition_is_named(rig: Rig) -> None:
    """Nothing is routed until it is installed, and then it works; a Canary may go meanwhile."""
    if rig.case.is_built_in:
        return
    for resource in rig.case.objects:
        async with rig.undefining(resource):
            with pytest.raises(NotFound, match=rf"no {resource.plural}\.{resource.group} in version .*; install"):
                await rig.initialize()
            assert await rig.get() is None
            await rig.router.finalize(rig.cluster, rig.canary, rig.raw)
    await rig.initialize()
    assert await rig.get() == rig.expected(Split(0))


async def mirroring_is_kept_or_refused(rig: Rig) -> None:
    """A mirrored split is read as such, survives an edit, and ends with the first weight."""
    rig = rig.edited(analysis={"mirror": True})
    if rig.refuses("spec.analysis.mirror"):
        return
    await rig.initialize()
    await rig.set(Split(0, mirrored=True))
    await rig.edited(service=rig.case.edit).initialize()
    assert await rig.get() == rig.expected(Split(0, mirrored=True))
    await rig.set(Split(10))


async def an_ab_test_is_kept_or_refused(rig: Rig) -> None:
    """The matching requests go to one side or the other, and an edit does not change that."""
    match = [{"headers": {"x-canary": {"exact": "insider"}}}]
    without = rig.edited(analysis={"iterations": 5, "stepWeight": None, "maxWeight": None})
    rig = without.edited(analysis={"match": match})
    if rig.refuses("spec.analysis.match"):
        return
    await rig.initialize()
    await rig.set(Split(100))
    assert await rig.shows_more_than(without, Split(100))
    await rig.edited(service=rig.case.edit).initialize()
    assert await rig.get() == rig.expected(Split(100))
    await rig.set(Split(0))


async def an_ab_test_that_is_edited_away_ends(rig: Rig) -> None:
    """Those whom it sent to the canary were chosen; everybody was not."""
    without = rig.edited(analysis={"iterations": 5, "stepWeight": None, "maxWeight": None})
    rig = without.edited(analysis={"match": [{"headers": {"x-canary": {"exact": "insider"}}}]})
    if rig.refuses("spec.analysis.match"):
        return
    await rig.initialize()
    await rig.set(Split(100))
    await without.initialize()
    assert await without.get() == without.expected(Split(0))
    await without.set(Split(100))


async def session_affinity_is_kept_or_refused(rig: Rig) -> None:
    """Sticky users do not change what the weights are read as; the same status gives the same objects."""
    without, rig = rig, rig.edited(analysis={"sessionAffinity": {"cookieName": "side"}})
    if rig.refuses("spec.analysis.sessionAffinity"):
        return
    await rig.initialize()
    rig = rig.with_status(sessionAffinityCookie="side=abc", primarySessionAffinityCookie="side-primary=def")
    for weight in (10, 60):
        await rig.set(Split(weight))
    assert await rig.shows_more_than(without, Split(60))
    before = await rig.objects()
    await rig.initialize()
    assert await rig.objects() == before
    await rig.with_status(previousSessionAffinityCookie="side=abc").set(Split(0))


async def finalizing_hands_back(rig: Rig) -> None:
    """What was made is gone; what is somebody else's leads nobody to the canary. Once and again."""
    await rig.initialize()
    await rig.set(Split(30))
    for _ in range(2):
        await rig.router.finalize(rig.cluster, rig.canary, rig.raw)
        assert all(await rig.objects()) if not rig.case.owns else not any(await rig.objects())
        assert await rig.get() is None


Claim = Callable[[Rig], Awaitable[None]]
CONTRACT: tuple[Claim, ...] = (
    it_is_fit,
    it_is_made_once,
    weights_are_set_and_read,
    an_edit_moves_no_traffic,
    what_vanished_is_made_again,
    edits_of_others_stay,
    who_is_overtaken_starts_over,
    a_missing_definition_is_named,
    mirroring_is_kept_or_refused,
    an_ab_test_is_kept_or_refused,
    an_ab_test_that_is_edited_away_ends,
    session_affinity_is_kept_or_refused,
    finalizing_hands_back,
)
