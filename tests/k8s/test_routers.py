"""Every router of the registry keeps the contract, on the small API server."""

import re

import pytest
from aiohttp import web

from k8s.client import Cluster
from k8s.errors import NotFound
from k8s.resources import INGRESSES
from k8s.routers.base import UnfitRoute
from k8s.routers.registry import ROUTERS, router_for
from tests.api_server import ApiServer
from tests.objects import NAMESPACE
from tests.router_contract import CASES, CONTRACT, Claim, Rig, a_rig, it_is_made_once


@pytest.fixture(params=list(ROUTERS))
async def rig(api: ApiServer, cluster: Cluster, request: pytest.FixtureRequest) -> Rig:
    """The router of each provider, before it made anything."""
    rig = a_rig(cluster, router_for(request.param), request.param, NAMESPACE)
    for path, obj in rig.case.needs.items():
        await api.put(path.format(namespace=NAMESPACE), obj)
    return rig


@pytest.mark.parametrize("claim", CONTRACT, ids=lambda claim: claim.__name__)
async def test_contract(rig: Rig, claim: Claim) -> None:
    """Each claim of `tests.router_contract` holds for each router."""
    await claim(rig)


async def test_a_kind_that_nobody_installed(api: ApiServer, rig: Rig) -> None:
    """What to install is named, and once it is there the router goes on."""
    kinds = [kind for kind in rig.case.objects if kind != INGRESSES]

    async def absent(request: web.Request) -> web.Response | None:
        is_missing = any(request.path.startswith(f"{kind.root}/") and kind.plural in request.path for kind in kinds)
        return web.Response(status=404, text="404 page not found\n") if is_missing else None

    api.intercepts.append(absent)
    for kind in kinds:
        with pytest.raises(NotFound, match=rf"no {kind.plural}\.{re.escape(kind.group)} in version \w+; install"):
            await rig.initialize()
    api.intercepts.clear()
    await it_is_made_once(rig)


def test_every_router_has_a_case() -> None:
    """A new one needs a line in `tests.router_contract.CASES`."""
    assert set(CASES) == set(ROUTERS)


def test_an_unknown_provider_is_refused() -> None:
    """The refusal names the field and what may stand there."""
    with pytest.raises(
        UnfitRoute, match=r"spec\.provider: carrier-pigeon is not supported yet; use one of .*gatewayapi:v1"
    ):
        router_for("carrier-pigeon")
