"""From a Canary and a Split to the routes of a VirtualService, and what is refused instead."""

import re
from typing import Any

import pytest

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.routers.base import Split
from k8s.routers.istio.router import IstioRouter
from k8s.routers.istio.rules import rules_of
from k8s.routers.single import NOTHING
from tests.objects import a_canary, a_model, a_service, an_analysis

ROUTER = IstioRouter()
INSIDER: Json = {"headers": {"x-canary": {"exact": "insider"}}}
COOKIES = {"sessionAffinityCookie": "side=abc", "primarySessionAffinityCookie": "side-primary=def"}


def a_routed(analysis: Json | None = None, *, status: Json | None = None, **service: Any) -> Canary:
    """A Canary in an Istio mesh."""
    asked = {"service": a_service(**service), "analysis": an_analysis(**(analysis or {}))}
    return load_canary(a_canary(status=status, **asked))


def an_ab_test(*match: Json, **service: Any) -> Canary:
    """A Canary whose test is for these requests."""
    return a_routed({"iterations": 5, "stepWeight": None, "maxWeight": None, "match": list(match)}, **service)


def weights(route: Json) -> dict[str, int]:
    """Of the destinations by host."""
    return {each["destination"]["host"]: each["weight"] for each in route["route"]}


def test_weights() -> None:
    """Everything, to both Services."""
    assert rules_of(a_routed(), Split(30)) == [
        {
            "route": [
                {"destination": {"host": "podinfo-primary"}, "weight": 70},
                {"destination": {"host": "podinfo-canary"}, "weight": 30},
            ]
        }
    ]


def test_what_a_route_consists_of() -> None:
    """Fields of `spec.service` stand as they were written, in Istio's own words."""
    given: Json = {
        "match": [{"uri": {"prefix": "/api"}, "method": {"exact": "GET"}}],
        "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error,connect-failure"},
        "headers": {"request": {"add": {"x-a": "1"}}, "response": {"remove": ["server"]}},
        "corsPolicy": {"allowOrigins": [{"regex": ".*"}], "maxAge": "24h"},
    }
    [route] = rules_of(a_routed(rewrite={"uri": "/", "authority": "example.com"}, **given), NOTHING)
    assert route.pop("route")
    assert route == {"rewrite": {"uri": "/", "authority": "example.com"}, **given}


@pytest.mark.parametrize(
    ("service", "pinned"),
    [
        ({}, False),
        ({"portDiscovery": True}, False),
        ({"portDiscovery": True, "gateways": ["mesh", "public"]}, False),
        ({"portDiscovery": True, "gateways": ["public", "mesh"]}, True),
        ({"portDiscovery": True, "delegation": True}, True),
        ({"gateways": ["public"]}, False),
    ],
)
def test_port_of_the_destination(service: Json, *, pinned: bool) -> None:
    """Named where a gateway or a root VirtualService could not tell which of several is meant; for copies too."""
    [route] = rules_of(a_routed(**service), Split(0, mirrored=True))
    destinations = [*(each["destination"] for each in route["route"]), route["mirror"]]
    assert all((each.get("port") == {"number": 9898}) is pinned for each in destinations)


@pytest.mark.parametrize(("weight", "share"), [(None, None), (0, None), (25, {"value": 25})])
def test_mirroring(weight: int | None, share: Json | None) -> None:
    """The canary gets copies, all or a share; and none when the split says none."""
    canary = a_routed({"mirror": True, "mirrorWeight": weight})
    [route] = rules_of(canary, Split(0, mirrored=True))
    assert (route["mirror"], route.get("mirrorPercentage")) == ({"host": "podinfo-canary"}, share)
    assert not {"mirror", "mirrorPercentage"} & rules_of(canary, Split(10))[0].keys()


def test_tcp() -> None:
    """Connections to these ports go by weight."""
    canary = a_routed(appProtocol="TCP", match=[{"port": 9000}, {"port": 9001}])
    [route] = rules_of(canary, Split(30))
    assert route.keys() == {"match", "route"}
    assert route["match"] == [{"port": 9000}, {"port": 9001}]
    assert weights(route) == {"podinfo-primary": 70, "podinfo-canary": 30}
    assert "match" not in rules_of(a_routed(appProtocol="tcp"), NOTHING)[0]


# -- A/B tests --------------------------------------------------------------------------------------------------------


def test_ab_test() -> None:
    """Each condition within each match of the service, the condition's headers counting; the rest to the primary."""
    query: Json = {"queryParams": {"v": {"exact": "2"}}, "sourceLabels": {"app": "web"}}
    match: list[Json] = [{"uri": {"prefix": "/a"}, "headers": {"x-canary": {"exact": "no"}}}, {"uri": {"prefix": "/b"}}]
    test, rest = rules_of(an_ab_test(INSIDER, query, match=match, timeout="5s"), Split(100))
    a, b = match
    assert test["match"] == [a | INSIDER, b | INSIDER, a | query, b | query]
    assert weights(test) == {"podinfo-primary": 0, "podinfo-canary": 100}
    assert rest["match"] == match
    assert weights(rest) == {"podinfo-primary": 100}
    assert test["timeout"] == rest["timeout"] == "5s"


def test_ab_test_of_a_service_without_match() -> None:
    """The conditions stand alone, and everybody else goes to the primary."""
    test, rest = rules_of(an_ab_test(INSIDER), NOTHING)
    assert test["match"] == [INSIDER]
    assert "match" not in rest


# -- session affinity -------------------------------------------------------------------------------------------------


def a_sticky(status: Json, **service: Any) -> Canary:
    """A Canary with session affinity whose cookies are made."""
    return a_routed({"sessionAffinity": {"cookieName": "side"}}, status=status, **service)


def cookies(route: Json) -> dict[str, str]:
    """What each destination's answers set."""
    headers = {each["destination"]["host"]: each.get("headers") for each in route["route"]}
    return {host: each["response"]["add"]["Set-Cookie"] for host, each in headers.items() if each}


def test_sticky_routes() -> None:
    """Holders of a cookie stay on its side, within the match; all others are drawn and get one."""
    match = {"uri": {"prefix": "/a"}}
    canary, primary, drawn = rules_of(a_sticky(COOKIES, match=[match]), Split(20))
    assert [weights(route)["podinfo-canary"] for route in (canary, primary, drawn)] == [100, 0, 20]
    assert (cookies(canary), cookies(primary)) == ({}, {})
    assert cookies(drawn) == {
        "podinfo-primary": "side-primary=def; Max-Age=30",
        "podinfo-canary": "side=abc; Max-Age=86400",
    }
    [held] = canary["match"]
    assert held["uri"] == match["uri"]
    assert re.fullmatch(held["headers"]["cookie"]["regex"], "a=b; side=abc")
    assert drawn["match"] == [match]


def test_sticky_routes_of_a_service_without_match() -> None:
    """The cookie alone is the condition."""
    canary, _, drawn = rules_of(a_sticky(COOKIES), Split(20))
    assert [match.keys() for match in canary["match"]] == [{"headers"}]
    assert "match" not in drawn


# -- what is refused --------------------------------------------------------------------------------------------------

WORDS = 'write exact or prefix or regex alone, such as {"regex": "a.*"}'


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        (
            {"headers": {"x": {"suffix": "a"}}},
            f'.headers.x: {{"suffix": "a"}} cannot be expressed in a VirtualService; {WORDS}',
        ),
        ({"queryParams": {"x": {}}}, f".queryParams.x: {{}} cannot be expressed in a VirtualService; {WORDS}"),
        ({}, ": {} names no requests; write headers, queryParams or sourceLabels"),
    ],
)
def test_refused_conditions(match: Json, problem: str) -> None:
    """The API server would drop them, and with them send everybody to the canary."""
    assert ROUTER.problem(an_ab_test(INSIDER, match)) == f"spec.analysis.match[1]{problem}"


def test_source_labels_need_sidecars() -> None:
    """A gateway knows nothing of the pod that calls."""
    labels = {"sourceLabels": {"app": "web"}}
    assert ROUTER.problem(an_ab_test(labels)) == ""
    assert ROUTER.problem(an_ab_test(labels, gateways=["public", "mesh"])) == ""
    assert ROUTER.problem(an_ab_test(labels, gateways=["public"])) == (
        'spec.analysis.match[0].sourceLabels: {"app": "web"} are known to sidecars alone; '
        "add mesh to spec.service.gateways, or write headers"
    )


DELEGATED = "those of a delegate are its root VirtualService's; remove it"
NO_REQUESTS = "spec.service.appProtocol is tcp, and a connection has no requests; remove it"


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        ({"delegation": True}, ""),
        ({"delegation": True, "hosts": ["a.example"]}, f"hosts: {DELEGATED}"),
        ({"delegation": True, "gateways": ["public"]}, f"gateways: {DELEGATED}"),
        ({"match": [{}, {"headers": None}]}, ""),
        (
            {"match": [{}, {"headers": ["x"]}]},
            'match[1].headers: ["x"] is no map; write names and conditions',
        ),
        ({"backendTimeout": "5s"}, "backendTimeout: not supported by provider istio; remove it"),
        ({"mirror": [{"backendRef": {"name": "a", "port": 1}}]}, "mirror: not supported by provider istio; remove it"),
        ({"rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}}, ""),
        (
            {"rewrite": {"uri": "/", "type": "ReplaceFullPath"}},
            "rewrite.type: Istio replaces the prefix that matched; write ReplacePrefixMatch, or remove it",
        ),
        ({"appProtocol": "tcp", "timeout": "5s"}, f"timeout: {NO_REQUESTS}"),
        ({"appProtocol": "tcp", "retries": {"attempts": 1}}, f"retries: {NO_REQUESTS}"),
        (
            {"appProtocol": "tcp", "match": [{"port": 9898, "uri": {"prefix": "/"}}]},
            'match[0].uri: {"prefix": "/"} cannot be expressed in a TCP route; write port only, or remove it',
        ),
    ],
)
def test_refused_services(service: Json, problem: str) -> None:
    """By field, with what to do."""
    assert ROUTER.problem(a_routed(**service)) == (f"spec.service.{problem}" if problem else "")


def test_no_service() -> None:
    """Nothing to lead to."""
    assert ROUTER.problem(a_model(service=None)) == "spec.service: required; write at least port"


@pytest.mark.parametrize(
    ("analysis", "field"),
    [
        ({"iterations": 5, "match": [INSIDER]}, "match"),
        ({"mirror": True}, "mirror"),
        ({"sessionAffinity": {"cookieName": "a"}}, "sessionAffinity"),
    ],
)
def test_tcp_knows_weights_alone(analysis: Json, field: str) -> None:
    """No header, no copy, no cookie."""
    assert ROUTER.problem(a_routed(analysis, appProtocol="tcp")) == f"spec.analysis.{field}: {NO_REQUESTS}"


def test_affinity_without_weights() -> None:
    """Where nobody is drawn there is nobody to keep."""
    canary = a_routed({"iterations": 5, "sessionAffinity": {"cookieName": "a"}})
    assert ROUTER.problem(canary).startswith("spec.analysis.sessionAffinity: with spec.analysis.iterations")
