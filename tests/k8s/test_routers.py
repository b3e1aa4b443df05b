"""Every router of the registry keeps the contract, on the small API server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web

from k8s.client import Cluster
from k8s.resources import Resource
from k8s.routers.base import UnfitRoute
from k8s.routers.registry import ROUTERS, router_for
from tests.api_server import ApiServer
from tests.objects import NAMESPACE
from tests.router_contract import CASES, CONTRACT, Claim, Rig, a_rig


@pytest.fixture(params=list(ROUTERS))
async def rig(api: ApiServer, cluster: Cluster, request: pytest.FixtureRequest) -> Rig:
    """The router of each provider, before it made anything."""
    rig = a_rig(cluster, router_for(request.param), request.param, NAMESPACE, partial(undefined, api))
    for path, obj in rig.case.needs.items():
        await api.put(path.format(namespace=NAMESPACE), obj)
    return rig


@asynccontextmanager
async def undefined(api: ApiServer, resource: Resource) -> AsyncIterator[None]:
    """The API server does not serve the kind."""

    async def unknown(request: web.Request) -> web.Response | None:
        is_asked = request.path.startswith(f"{resource.root}/") and f"/{resource.plural}" in request.path
        return web.Response(status=404, text="404 page not found\n") if is_asked else None

    api.intercepts.append(unknown)
    yield
    api.intercepts.remove(unknown)


@pytest.mark.parametrize("claim", CONTRACT, ids=lambda claim: claim.__name__)
async def test_contract(rig: Rig, claim: Claim) -> None:
    """Each claim of `tests.router_contract` holds for each router."""
    await claim(rig)


def test_every_router_has_a_case() -> None:
    """A new one needs a line in `tests.router_contract.CASES`."""
    assert set(CASES) == set(ROUTERS)


def test_an_unknown_provider_is_refused() -> None:
    """The refusal names the field and what may stand there."""
    with pytest.raises(
        UnfitRoute, match=r"spec\.provider: carrier-pigeon is not supported yet; use one of .*gatewayapi:v1"
    ):
        router_for("carrier-pigeon")
