"""Traffic is shifted, and the cookies of session affinity are in the status before any route has them."""

import re
from typing import Any

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.cookies import cookies_patch
from activities.report import Reporter
from activities.route import RouteTraffic
from k8s.errors import Unavailable
from k8s.models.analysis import SessionAffinity
from k8s.resources import CANARIES, HTTP_ROUTES_V1
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_service, an_analysis
from workflows.effects import Report, Route
from workflows.observation import CanaryRef, Phase

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
CANARY, ROUTE = CANARIES.path("test", "podinfo"), HTTP_ROUTES_V1.path("test", "podinfo")
AFFINITY = SessionAffinity(cookie_name="side", primary_cookie_name="main")
COOKIE = r"[A-Za-z]{10}"


@pytest.fixture
def traffic(bench: Bench) -> RouteTraffic:
    """The activity under test."""
    return RouteTraffic(bench, Reporter(bench))


async def a_sticky_canary(api: ApiServer, **before: str) -> None:
    """A Canary with session affinity, with these cookies in its status."""
    analysis = an_analysis(sessionAffinity={"cookieName": "side"})
    await api.put(CANARY, a_canary(provider="gatewayapi:v1", analysis=analysis, status=before))


async def shifted(traffic: RouteTraffic, weight: int, *, mirrored: bool = False) -> None:
    """Run the activity."""
    report = Report(canary=PODINFO, phase=Phase.PROGRESSING, weight=weight)
    order = Route(canary=PODINFO, weight=weight, mirrored=mirrored, report=report)
    await ActivityEnvironment().run(traffic.route, order)


def status_at(api: ApiServer) -> Json:
    """Of the Canary, now."""
    return dict((api.read(CANARY) or {})["status"])


def rules_at(api: ApiServer) -> list[Json]:
    """Of the HTTPRoute, now."""
    return list((api.read(ROUTE) or {})["spec"]["rules"])


async def test_weight_and_report(api: ApiServer, traffic: RouteTraffic) -> None:
    """Without session affinity there are no cookies."""
    await api.put(CANARY, a_canary(provider="gatewayapi:v1"))
    await shifted(traffic, 20)
    assert [ref["weight"] for ref in rules_at(api)[0]["backendRefs"]] == [80, 20]
    assert status_at(api)["canaryWeight"] == 20
    assert "sessionAffinityCookie" not in status_at(api)


async def test_mirroring(api: ApiServer, traffic: RouteTraffic) -> None:
    """A mirrored order is a mirrored split."""
    service = a_service(gatewayRefs=[{"name": "public"}])
    await api.put(CANARY, a_canary(provider="gatewayapi:v1", service=service))
    await shifted(traffic, 0, mirrored=True)
    assert [item["type"] for item in rules_at(api)[0]["filters"]] == ["RequestMirror"]


async def test_cookies_through_a_rollout(api: ApiServer, traffic: RouteTraffic) -> None:
    """Made with the first weight, kept with the next, laid aside at the end; made anew in the next rollout."""
    await a_sticky_canary(api)
    await shifted(traffic, 10)
    first = status_at(api)
    await shifted(traffic, 20)
    assert status_at(api)["sessionAffinityCookie"] == first["sessionAffinityCookie"]
    assert status_at(api)["primarySessionAffinityCookie"] == first["primarySessionAffinityCookie"]
    assert len(rules_at(api)) == 3
    for _ in range(2):
        await shifted(traffic, 0)
        assert status_at(api)["previousSessionAffinityCookie"] == first["sessionAffinityCookie"]
        assert status_at(api)["sessionAffinityCookie"] == ""
    assert len(rules_at(api)) == 2
    await shifted(traffic, 10)
    assert status_at(api)["sessionAffinityCookie"] != first["sessionAffinityCookie"]


async def test_a_crash_between_status_and_route(api: ApiServer, traffic: RouteTraffic) -> None:
    """The second try routes by the cookie that the first one wrote."""
    await a_sticky_canary(api)

    async def crash(request: Any) -> web.Response | None:
        return status(503, "away") if "httproutes" in request.path and request.method == "POST" else None

    api.intercepts.append(crash)
    with pytest.raises(Unavailable):
        await shifted(traffic, 10)
    cookie = status_at(api)["sessionAffinityCookie"]
    assert api.read(ROUTE) is None
    api.intercepts.clear()
    await shifted(traffic, 10)
    assert status_at(api)["sessionAffinityCookie"] == cookie
    assert cookie in str(rules_at(api)[0]["matches"])


async def test_a_concurrent_status_is_kept(api: ApiServer, traffic: RouteTraffic) -> None:
    """The cookies are merged into what stands there at the moment."""
    await a_sticky_canary(api)
    written = False

    async def write(request: Any) -> web.Response | None:
        nonlocal written
        if request.method != "PATCH" or written:
            return None
        written = True
        await a_sticky_canary(api, sessionAffinityCookie="side=theirs")
        return status(409, "the object has been modified")

    api.intercepts.append(write)
    await shifted(traffic, 10)
    assert status_at(api)["sessionAffinityCookie"] == "side=theirs"
    assert "side=theirs" in str(rules_at(api)[0]["matches"])


NEW = {"sessionAffinityCookie": rf"side={COOKIE}", "primarySessionAffinityCookie": rf"main={COOKIE}"}


@pytest.mark.parametrize(
    ("before", "weight", "made"),
    [
        ({}, 10, NEW),
        ({"primarySessionAffinityCookie": "main=old"}, 10, NEW),
        ({"sessionAffinityCookie": "side=a", "primarySessionAffinityCookie": "main=b"}, 20, None),
        ({"sessionAffinityCookie": "side=a"}, 20, {"primarySessionAffinityCookie": rf"main={COOKIE}"}),
        (
            {"sessionAffinityCookie": "side=a", "previousSessionAffinityCookie": "side=z"},
            0,
            {"previousSessionAffinityCookie": "side=a", "sessionAffinityCookie": ""},
        ),
        ({"sessionAffinityCookie": "", "previousSessionAffinityCookie": "side=z"}, 0, None),
        ({}, 0, None),
    ],
)
def test_cookies_patch(before: Json, weight: int, made: Json | None) -> None:
    """By what stands in the status and the coming weight alone."""
    patch = cookies_patch({"status": before}, AFFINITY, weight)
    if made is None:
        assert patch is None
        return
    assert patch
    assert patch["status"].keys() == made.keys()
    for field, pattern in made.items():
        assert re.fullmatch(pattern, patch["status"][field])


def test_the_primarys_default_cookie() -> None:
    """Users of the primary are kept there also when nobody named their cookie."""
    patch = cookies_patch({}, SessionAffinity(cookie_name="side"), 10)
    assert patch
    assert patch["status"]["primarySessionAffinityCookie"].startswith("side-primary=")
