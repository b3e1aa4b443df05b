"""What a cluster lacks is told with its remedy. How real servers are checked: `tests/integration`."""

from copy import deepcopy
from typing import Any

import pytest
import typer
from aiohttp import web

from k8s.client import Cluster
from k8s.crd import crds
from k8s.permissions import ALWAYS, OF_PROVIDERS, OF_SCALERS, OF_TARGETS
from k8s.resources import CANARIES, HTTP_ROUTES_V1, Resource
from k8s.routers.registry import ROUTERS
from k8s.scalers.registry import SCALERS
from k8s.targets.registry import KINDS
from tests.api_server import ApiServer, status
from tests.objects import a_canary
from tests.worker.commands import run
from worker.checkup import Finding, Outcome, away, fine, wrong
from worker.checkup_cluster import DEFINITIONS, REVIEWS, of_cluster, permissions_for
from worker.checkup_view import exit_code
from worker.settings import WorkerSettings

Json = dict[str, Any]
KNOWN = [*(permission.resource for kinds in OF_PROVIDERS.values() for permission in kinds), *OF_TARGETS]


class Installation:
    """A cluster as it should be, save for what a test takes away."""

    def __init__(self) -> None:
        self.forbidden: set[tuple[str, str]] = set()
        """Verb and plural."""
        self.unserved: set[Resource] = set()
        self.namespaces: set[str] = set()
        """In which permissions were asked for."""

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """What the small API server does not know of."""
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.37.0"})
        if request.path == REVIEWS.path():
            asked = (await request.json())["spec"]["resourceAttributes"]
            self.namespaces.add(asked["namespace"])
            allowed = (asked["verb"], asked["resource"]) not in self.forbidden
            return web.json_response({"status": {"allowed": allowed}}, status=201)
        served = [each for each in KNOWN if each.root == request.path and each not in self.unserved]
        if served:
            return web.json_response({"resources": [{"name": each.plural} for each in served]})
        if request.path.count("/") == 3 and request.path.startswith("/apis/"):
            return web.Response(status=404, text="404 page not found\n")
        return None


@pytest.fixture
async def installation(api: ApiServer) -> Installation:
    """With the definitions of this version."""
    for crd in crds():
        await api.put(DEFINITIONS.path(name=crd["metadata"]["name"]), deepcopy(crd))
    found = Installation()
    api.intercepts.append(found.answer)
    return found


async def told(cluster: Cluster, **settings: Any) -> list[str]:
    """What is not as it should be."""
    found = [finding async for finding in of_cluster(cluster, WorkerSettings(**settings))]
    return [str(finding) for finding in found if finding.outcome is not Outcome.OK]


@pytest.mark.usefixtures("installation")
async def test_nothing_to_mend(cluster: Cluster) -> None:
    """Every check is there, and says so."""
    found = [finding async for finding in of_cluster(cluster, WorkerSettings())]
    assert {finding.outcome for finding in found} == {Outcome.OK}
    assert [finding.what for finding in found] == [
        "API server",
        "definition canaries.flagger.app",
        "definition metrictemplates.flagger.app",
        "definition alertproviders.flagger.app",
        "kinds",
        "permissions",
    ]
    assert found[0].says == "v1.37.0 answers"


@pytest.mark.usefixtures("installation")
async def test_a_definition_that_is_not_installed(api: ApiServer, cluster: Cluster) -> None:
    """With the command that installs it."""
    await api.remove(DEFINITIONS.path(name="canaries.flagger.app"))
    (line,) = await told(cluster)
    assert line.startswith("wrong  definition canaries.flagger.app: not installed; run kubectl apply --server-side")


@pytest.mark.usefixtures("installation")
async def test_a_definition_of_another_version(api: ApiServer, cluster: Cluster) -> None:
    """Say, Flagger's: a rule less, and mistakes are no longer refused."""
    path = DEFINITIONS.path(name="alertproviders.flagger.app")
    other = deepcopy(api.read(path) or {})
    spec = other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["x-kubernetes-validations"]
    await api.put(path, other)
    (line,) = await told(cluster)
    assert line.startswith("wrong  definition alertproviders.flagger.app: not that of this version; run kubectl apply")


@pytest.mark.usefixtures("installation")
async def test_definitions_that_may_not_be_read(api: ApiServer, cluster: Cluster) -> None:
    """Nothing is known of them, and the rest is checked all the same."""

    async def forbid(request: web.Request) -> web.StreamResponse | None:
        return status(403, "forbidden") if DEFINITIONS.root in request.path else None

    api.intercepts.insert(0, forbid)
    lines = await told(cluster)
    assert len(lines) == 3
    assert all("cannot be read: forbidden; ask as somebody who may get" in line for line in lines)


async def test_a_kind_that_is_not_served(cluster: Cluster, installation: Installation) -> None:
    """Neither its version, nor it alone."""
    installation.unserved = {HTTP_ROUTES_V1}
    (line,) = await told(cluster)
    assert line.startswith(
        "wrong  kinds: not served: HTTPRoute (gateway.networking.k8s.io/v1); install their definitions"
    )


async def test_a_kind_that_only_a_canary_needs(api: ApiServer, cluster: Cluster, installation: Installation) -> None:
    """Its provider may be another one than the worker's."""
    installation.unserved = {HTTP_ROUTES_V1}
    assert await told(cluster, mesh_provider="kubernetes") == []
    await api.put(CANARIES.path("test", "podinfo"), a_canary(provider="gatewayapi:v1"))
    (line,) = await told(cluster, mesh_provider="kubernetes")
    assert line.startswith("wrong  kinds: ")


async def test_missing_permissions(cluster: Cluster, installation: Installation) -> None:
    """By kind, as `kubectl auth can-i` names it, in the namespace that is watched."""
    installation.forbidden = {("patch", "httproutes"), ("delete", "httproutes"), ("watch", "secrets")}
    lines = await told(cluster, namespace="test")
    assert [line.partition("; ")[0] for line in lines] == [
        "wrong  permissions: may not watch secrets",
        "wrong  permissions: may not patch, delete httproutes.gateway.networking.k8s.io",
    ]
    assert installation.namespaces == {"test"}


def test_every_target_scaler_and_provider_has_its_permissions() -> None:
    """A new one is a line more in `k8s.permissions`."""
    assert set(OF_TARGETS) == {kind.resource for kind in KINDS}
    assert set(OF_SCALERS) == set(SCALERS)
    assert set(OF_PROVIDERS) == set(ROUTERS)


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        ({}, ()),
        ({"provider": "gloo"}, OF_PROVIDERS["gloo"]),
        ({"autoscalerRef": {"kind": "ScaledObject", "name": "a"}}, OF_SCALERS["ScaledObject"]),
        ({"targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "a"}}, None),
        ({"targetRef": {"apiVersion": "batch/v1", "kind": "Job", "name": "a"}}, ()),
        ({"targetRef": None}, ()),
    ],
)
def test_permissions_follow_the_canaries(spec: Json, more: tuple[Any, ...] | None) -> None:
    """Only what they use is asked for; a Canary that cannot be read asks for nothing."""
    least = permissions_for([], "kubernetes")
    assert set(ALWAYS) < set(least)
    daemon_sets = next(found for resource, found in OF_TARGETS.items() if resource.kind == "DaemonSet")
    wanted = daemon_sets if more is None else more
    found = permissions_for([a_canary(provider="kubernetes") | {"spec": a_canary(**spec)["spec"]}], "kubernetes")
    assert found == [*least, *wanted]


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([fine("a", "b")], 0),
        ([fine("a", "b"), wrong("a", "b", "c")], 1),
        ([away("a", "b", "c"), wrong("a", "b", "c")], 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst(findings: list[Finding], code: int) -> None:
    """So a script knows whether to mend something or to wait."""
    assert exit_code(finding.outcome for finding in findings) == code


async def test_nobody_is_there(app: typer.Typer) -> None:
    """Each is named once, with the variable that leads elsewhere; exit code 3."""
    result = await run(app, "check")
    assert result.exit_code == 3
    api_server, temporal, prometheus = result.stdout.splitlines()
    assert (api_server[:19], "KUBECONFIG" in api_server) == ("away   API server: ", True)
    assert (temporal[:17], "TEMPORAL_ADDRESS" in temporal) == ("away   Temporal: ", True)
    assert (prometheus[:19], "SERINUS_METRICS_SERVER" in prometheus) == ("wrong  Prometheus: ", True)
