"""From a Canary and a Split to the rules of an HTTPRoute, and what is refused instead."""

import re
from typing import Any

import pytest

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import HTTP_ROUTES_V1, HTTP_ROUTES_V1BETA1
from k8s.routers.base import Split
from k8s.routers.gatewayapi.router import GatewayApiRouter
from k8s.routers.gatewayapi.rules import rules_of
from tests.objects import a_canary, a_model, a_service, an_analysis

ROUTER = GatewayApiRouter(HTTP_ROUTES_V1)
GATEWAY = [{"name": "public"}]
EVERY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}
INSIDER = {"headers": {"x-canary": {"exact": "insider"}}}


def a_routed(analysis: Json | None = None, **service: Any) -> Canary:
    """A Canary behind a Gateway."""
    return a_model(service=a_service(gatewayRefs=GATEWAY, **service), analysis=an_analysis(**(analysis or {})))


def weights(rule: Json) -> dict[str, int]:
    """Of the backends by name."""
    return {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}


def exactly(name: str, value: str) -> Json:
    """A condition of the Gateway API."""
    return {"name": name, "type": "Exact", "value": value}


# -- what a rule consists of ------------------------------------------------------------------------------------------


def test_a_plain_rule() -> None:
    """Everything, to both Services, as the API server stores it."""
    refs = [
        {"group": "", "kind": "Service", "name": f"podinfo-{side}", "port": 9898, "weight": weight}
        for side, weight in (("primary", 70), ("canary", 30))
    ]
    assert rules_of(a_routed(), Split(30)) == [{"matches": [EVERY_PATH], "backendRefs": refs}]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"uri": {"prefix": "/api"}}, {"path": {"type": "PathPrefix", "value": "/api"}}),
        ({"uri": {"exact": "/api"}}, {"path": {"type": "Exact", "value": "/api"}}),
        ({"uri": {"regex": "/v[0-9]+"}}, {"path": {"type": "RegularExpression", "value": "/v[0-9]+"}}),
        ({"method": {"exact": "POST"}}, EVERY_PATH | {"method": "POST"}),
        (
            {"headers": {"b": {"regex": "x.*"}, "a": {"exact": "y"}}},
            EVERY_PATH | {"headers": [exactly("a", "y"), {"name": "b", "type": "RegularExpression", "value": "x.*"}]},
        ),
        ({"queryParams": {"v": {"exact": "2"}}}, EVERY_PATH | {"queryParams": [exactly("v", "2")]}),
        (
            {"queryParams": {"v": {"regex": "2.*"}}},
            EVERY_PATH | {"queryParams": [{"name": "v", "type": "RegularExpression", "value": "2.*"}]},
        ),
        ({}, EVERY_PATH),
    ],
)
def test_service_match(given: Json, match: Json) -> None:
    """Istio's HTTPMatchRequest as a match of the Gateway API."""
    [rule] = rules_of(a_routed(match=[given]), Split(0))
    assert rule["matches"] == [match]


def test_filters_and_timeouts() -> None:
    """In one order, sorted by name, with the API server's defaults."""
    canary = a_routed(
        rewrite={"uri": "/new", "authority": "example.com"},
        headers={"response": {"remove": ["server"]}, "request": {"set": {"x-b": "2", "x-a": "1"}, "add": {"x-c": "3"}}},
        mirror=[{"backendRef": {"name": "audit", "port": 80}, "fraction": {"numerator": 5}}],
        corsPolicy={"allowOrigin": ["https://a.example"], "allowMethods": ["GET"], "maxAge": "24h"},
        timeout="15s",
        backendTimeout="5s",
    )
    [rule] = rules_of(canary, Split(0))
    request = {
        "add": [{"name": "x-c", "value": "3"}],
        "set": [{"name": "x-a", "value": "1"}, {"name": "x-b", "value": "2"}],
    }
    path = {"type": "ReplaceFullPath", "replaceFullPath": "/new"}
    mirror = {
        "backendRef": {"group": "", "kind": "Service", "name": "audit", "port": 80},
        "fraction": {"numerator": 5, "denominator": 100},
    }
    cors = {"allowOrigins": ["https://a.example"], "allowMethods": ["GET"], "maxAge": 86400}
    assert rule["filters"] == [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": request},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}},
        {"type": "URLRewrite", "urlRewrite": {"hostname": "example.com", "path": path}},
        {"type": "RequestMirror", "requestMirror": mirror},
        {"type": "CORS", "cors": cors},
    ]
    assert rule["timeouts"] == {"request": "15s", "backendRequest": "5s"}


def test_rewriting_a_prefix() -> None:
    """By its own type."""
    canary = a_routed(rewrite={"uri": "/", "type": "ReplacePrefixMatch"}, match=[{"uri": {"prefix": "/api"}}])
    [rule] = rules_of(canary, Split(0))
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": {"path": path}}]


@pytest.mark.parametrize(("percent", "share"), [(None, {}), (0, {}), (100, {}), (25, {"percent": 25})])
def test_mirroring(percent: int | None, share: Json) -> None:
    """The canary gets copies, all or a share, whatever the strategy; and none when the split says none."""
    canary = a_routed({"mirror": True, "mirrorWeight": percent})
    [rule] = rules_of(canary, Split(0, mirrored=True))
    ref = {"group": "", "kind": "Service", "name": "podinfo-canary", "port": 9898}
    assert rule["filters"] == [{"type": "RequestMirror", "requestMirror": {"backendRef": ref, **share}}]
    assert "filters" not in rules_of(canary, Split(10))[0]


# -- A/B tests --------------------------------------------------------------------------------------------------------


def test_ab_rules() -> None:
    """Each condition within each match of the service goes by weight, the rest of the service to the primary."""
    cookie = {"headers": {"cookie": {"regex": ".*insider.*"}}}
    query = {"queryParams": {"v": {"exact": "2"}}}
    canary = a_routed(
        {"iterations": 5, "match": [cookie, query]},
        match=[{"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "1"}}}, {"uri": {"prefix": "/b"}}],
        headers={"request": {"set": {"x-via": "route"}}},
    )
    test, rest = rules_of(canary, Split(100))
    a, b = ({"path": {"type": "PathPrefix", "value": path}} for path in ("/a", "/b"))
    insider = {"name": "cookie", "type": "RegularExpression", "value": ".*insider.*"}
    assert test["matches"] == [
        a | {"headers": [exactly("x", "1"), insider]},
        b | {"headers": [insider]},
        a | {"headers": [exactly("x", "1")], "queryParams": [exactly("v", "2")]},
        b | {"queryParams": [exactly("v", "2")]},
    ]
    assert rest["matches"] == [a | {"headers": [exactly("x", "1")]}, b]
    assert weights(test) == {"podinfo-primary": 0, "podinfo-canary": 100}
    assert weights(rest) == {"podinfo-primary": 100}
    assert test["filters"] == rest["filters"]


def test_one_header_of_both() -> None:
    """The test's condition counts where both name a header."""
    canary = a_routed({"iterations": 5, "match": [INSIDER]}, match=[{"headers": {"x-canary": {"exact": "other"}}}])
    assert rules_of(canary, Split(0))[0]["matches"] == [EVERY_PATH | {"headers": [exactly("x-canary", "insider")]}]


# -- session affinity -------------------------------------------------------------------------------------------------

COOKIES = {"sessionAffinityCookie": "side=abcDEFghij", "primarySessionAffinityCookie": "side-primary=klmNOPqrst"}


def a_sticky(status: Json, **affinity: Any) -> Canary:
    """A Canary with session affinity whose cookies are made."""
    analysis = an_analysis(sessionAffinity={"cookieName": "side"} | affinity)
    service = a_service(gatewayRefs=GATEWAY, match=[{"uri": {"prefix": "/a"}}])
    return load_canary(a_canary(service=service, analysis=analysis, status=status))


def cookies(rule: Json) -> dict[str, str]:
    """What each backend's answers set."""
    return {
        ref["name"]: item["responseHeaderModifier"]["add"][0]["value"]
        for ref in rule["backendRefs"]
        for item in ref.get("filters", [])
    }


def test_sticky_rules() -> None:
    """Holders of a cookie stay on its side, all others are drawn and get one; the primary's lasts one interval."""
    canary, primary, drawn = rules_of(a_sticky(COOKIES), Split(20))
    assert weights(canary) == {"podinfo-primary": 0, "podinfo-canary": 100}
    assert weights(primary) == {"podinfo-primary": 100, "podinfo-canary": 0}
    assert weights(drawn) == {"podinfo-primary": 80, "podinfo-canary": 20}
    assert (cookies(canary), cookies(primary)) == ({}, {})
    assert cookies(drawn) == {
        "podinfo-primary": "side-primary=klmNOPqrst; Max-Age=30",
        "podinfo-canary": "side=abcDEFghij; Max-Age=86400",
    }
    assert all(rule["matches"][0]["path"]["value"] == "/a" for rule in (canary, primary, drawn))


@pytest.mark.parametrize(("age", "seconds"), [(60, 60), (0, 86400)])
def test_lifetime(age: int, seconds: int) -> None:
    """Of the canary's cookie; one that lives for no time would keep nobody."""
    assert cookies(rules_of(a_sticky(COOKIES, maxAge=age), Split(20))[2])["podinfo-canary"].endswith(
        f"; Max-Age={seconds}"
    )


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        ("side=abcDEFghij", True),
        ("a=b; side=abcDEFghij; c=d", True),
        ("a=b;side=abcDEFghij", True),
        ("side=other", False),
        ("outside=abcDEFghij", False),
        ("side=abcDEFghijk", False),
        ("side-primary=klmNOPqrst", False),
    ],
)
def test_cookie_match(header: str, *, holds: bool) -> None:
    """One cookie among others, whole."""
    [condition] = rules_of(a_sticky(COOKIES), Split(20))[0]["matches"][0]["headers"]
    assert (condition["name"], condition["type"]) == ("Cookie", "RegularExpression")
    assert bool(re.fullmatch(condition["value"], header)) is holds


def test_everybody_on_the_canary() -> None:
    """Nobody is kept on a primary that shall get nothing."""
    assert [weights(rule)["podinfo-canary"] for rule in rules_of(a_sticky(COOKIES), Split(100))] == [100, 100]


def test_expiring() -> None:
    """At rest the former cookie goes, by every attribute with which it was set."""
    given = {"domain": "example.com", "path": "/a", "sameSite": "Lax", "secure": True, "httpOnly": True}
    canary = a_sticky({"previousSessionAffinityCookie": "side=abcDEFghij"}, partitioned=True, maxAge=60, **given)
    holders, others = rules_of(canary, Split(0))
    gone = "side=abcDEFghij; Max-Age=-1; Domain=example.com; HttpOnly; Partitioned; Path=/a; SameSite=Lax; Secure"
    assert cookies(holders) == {"podinfo-primary": gone, "podinfo-canary": gone}
    assert weights(holders) == weights(others) == {"podinfo-primary": 100, "podinfo-canary": 0}
    assert cookies(others) == {}


def test_no_cookies() -> None:
    """A router invents none: without any in the status there is the rule by weight alone."""
    assert rules_of(a_sticky({}), Split(20)) == rules_of(a_sticky({}, cookieName="other"), Split(20))
    assert len(rules_of(a_sticky({}), Split(20))) == 1


# -- what is refused --------------------------------------------------------------------------------------------------

EXACT_OR_REGEX = 'write exact or regex alone, such as {"regex": "a.*"}'
NO_TEXTS = "is no map of names and texts; write name: value"


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (a_service(), ""),
        (None, "GatewayRefs must be specified when using Gateway API as a provider."),
        (a_service(gatewayRefs=[]), "GatewayRefs must be specified when using Gateway API as a provider."),
    ],
)
def test_parents(service: Json | None, problem: str) -> None:
    """A route without parent leads nobody."""
    assert ROUTER.problem(a_model(service=service)) == problem


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (
            {"match": [{}, {"headers": {"a": {"prefix": "b"}}}]},
            f'match[1].headers.a: {{"prefix": "b"}} cannot be expressed in an HTTPRoute; {EXACT_OR_REGEX}',
        ),
        (
            {"match": [{"queryParams": {"a": {"exact": ""}}}]},
            f'match[0].queryParams.a: {{"exact": ""}} cannot be expressed in an HTTPRoute; {EXACT_OR_REGEX}',
        ),
        ({"match": [{"headers": ["a"]}]}, 'match[0].headers: ["a"] is no map; write names and conditions'),
        (
            {"match": [{"method": {"regex": "G.*"}}]},
            'match[0].method: {"regex": "G.*"} cannot be expressed in an HTTPRoute; write exact alone',
        ),
        (
            {"match": [{"sourceLabels": {"app": "a"}}]},
            (
                'match[0].sourceLabels: {"app": "a"} cannot be expressed in an HTTPRoute; '
                "write uri, method, headers, queryParams only, or remove it"
            ),
        ),
        (
            {"headers": {"request": {"set": {"a": 1}}}},
            f'headers.request.set: {{"a": 1}} {NO_TEXTS}',
        ),
        ({"headers": {"request": {"remove": "a"}}}, 'headers.request.remove: "a" is no list of texts; write one'),
        (
            {"headers": {"both": {}}},
            "headers.both: {} cannot be expressed in an HTTPRoute; write request, response only, or remove it",
        ),
        (
            {"rewrite": {"uri": "/", "type": "Prefix"}},
            'rewrite.type: "Prefix"; write ReplaceFullPath or ReplacePrefixMatch',
        ),
        ({"rewrite": {"type": ""}}, "rewrite: changes nothing; write uri or authority, or remove it"),
        (
            {"rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}, "match": [{"uri": {"exact": "/a"}}]},
            (
                "rewrite.type: ReplacePrefixMatch wants one match by prefix, and a rule of the HTTPRoute matches "
                "Exact; write ReplaceFullPath, or one match with a uri prefix"
            ),
        ),
        (
            {"mirror": [{"percent": 5}]},
            "mirror[0].backendRef: null names nobody; write the name and port of a Service",
        ),
        (
            {"mirror": [{"backendRef": {"name": "podinfo-canary", "port": 80}}]},
            (
                "mirror: podinfo-canary has no pods between releases; "
                "write spec.analysis.mirror for copies during an analysis, or remove it"
            ),
        ),
        (
            {"timeout": "1.5s"},
            (
                'timeout: "1.5s" is no duration of the Gateway API; '
                "write whole hours, minutes, seconds and milliseconds, such as 5s or 1m30s"
            ),
        ),
        (
            {"corsPolicy": {"allowOrigins": [{"regex": ".*"}]}},
            'corsPolicy.allowOrigins[0]: {"regex": ".*"} cannot be expressed in an HTTPRoute; write exact',
        ),
        (
            {"corsPolicy": {"maxAge": "soon"}},
            'corsPolicy.maxAge: "soon" is not a duration; write minutes and seconds, such as 30s, 1m or 1m30s',
        ),
    ],
)
def test_service_refusals(service: Json, problem: str) -> None:
    """What an HTTPRoute cannot express is refused with field, value and remedy, in either version."""
    canary = a_routed(**service)
    assert ROUTER.problem(canary) == f"spec.service.{problem}"
    assert GatewayApiRouter(HTTP_ROUTES_V1BETA1).problem(canary) == f"spec.service.{problem}"


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        (
            {"headers": {"cookie": {"suffix": "x"}}},
            f'match[1].headers.cookie: {{"suffix": "x"}} cannot be expressed in an HTTPRoute; {EXACT_OR_REGEX}',
        ),
        (
            {"headers": {"cookie": {"prefix": "x"}}},
            f'match[1].headers.cookie: {{"prefix": "x"}} cannot be expressed in an HTTPRoute; {EXACT_OR_REGEX}',
        ),
        (
            {"queryParams": {"v": {"prefix": "x"}}},
            f'match[1].queryParams.v: {{"prefix": "x"}} cannot be expressed in an HTTPRoute; {EXACT_OR_REGEX}',
        ),
        (
            {"sourceLabels": {"app": "a"}},
            (
                'match[1].sourceLabels: {"app": "a"} cannot be expressed in an HTTPRoute; '
                "write headers or queryParams, or remove it"
            ),
        ),
        ({}, "match[1]: {} names no requests; write headers or queryParams"),
    ],
)
def test_a_match_that_is_left_out_would_match_all(match: Json, problem: str) -> None:
    """So one that cannot be expressed is refused, whatever stands beside it."""
    canary = a_routed({"iterations": 5, "match": [INSIDER, match]})
    assert ROUTER.problem(canary) == f"spec.analysis.{problem}"


def test_affinity_without_weights() -> None:
    """In blue/green and in an A/B test nobody is drawn."""
    canary = a_routed({"iterations": 5, "sessionAffinity": {"cookieName": "side"}})
    text = "spec.analysis.sessionAffinity: with spec.analysis.iterations nobody is drawn by weight: remove it"
    assert ROUTER.problem(canary) == text


@pytest.mark.parametrize(
    ("analysis", "service", "problem"),
    [
        ({"mirror": True}, {}, "spec.analysis.mirror: Linkerd copies no traffic"),
        ({}, {"mirror": [{"backendRef": {"name": "a"}}]}, "spec.service.mirror: Linkerd copies no traffic"),
        ({}, {"rewrite": {"uri": "/"}}, "spec.service.rewrite: Linkerd rewrites no requests"),
        ({}, {"corsPolicy": {"allowOrigin": ["*"]}}, "spec.service.corsPolicy: Linkerd answers no preflight requests"),
    ],
)
def test_what_linkerd_would_ignore(analysis: Json, service: Json, problem: str) -> None:
    """Known by the parent's group, or by the provider; behind a Gateway the same is fine."""
    refused = f"{problem}, and would ignore the whole HTTPRoute; remove it"
    meshed = a_model(service=a_service(**service), analysis=an_analysis(**analysis))
    behind = a_routed(analysis, **service)
    assert ROUTER.problem(meshed) == refused
    assert ROUTER.problem(behind) == ""
    assert GatewayApiRouter(HTTP_ROUTES_V1BETA1, by_linkerd=True).problem(behind) == refused
