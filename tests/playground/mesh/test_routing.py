"""From a request to a backend: rules, weights, filters."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.client import Json
from playground.mesh.backend import Backend
from playground.mesh.filters import HeaderChange, Rewritten
from playground.mesh.matching import Request
from playground.mesh.routing import (
    Routed,
    Unroutable,
    is_attached,
    routed_by_routes,
    routed_by_split,
    weighted,
)
from tests.playground.mesh.objects import a_ref, a_route, a_rule

APEX = Backend("test", "podinfo", 9898)
PRIMARY, CANARY = APEX._replace(service="podinfo-primary"), APEX._replace(service="podinfo-canary")
GET = Request()
WEIGHTS = st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=8)
POINTS = st.floats(min_value=0, max_value=1, exclude_max=True)


def at(point: float) -> Callable[[], float]:
    """Dice that always fall alike."""
    return lambda: point


def chosen(routes: list[Json], request: Request = GET, point: float = 0.0) -> str:
    """The Service the request goes to."""
    routed = routed_by_routes(routes, APEX, request, at(point))
    assert isinstance(routed, Routed), routed
    return routed.backend.service


# -- weights ----------------------------------------------------------------------------------------------------------


@given(weights=WEIGHTS, point=POINTS)
def test_a_weight_of_zero_is_never_chosen(weights: list[int], point: float) -> None:
    """Whatever the dice say; and somebody is chosen as soon as one weight is not zero."""
    index = weighted(list(enumerate(weights)), point)
    if sum(weights):
        assert index is not None
        assert weights[index] > 0
    else:
        assert index is None


@given(weights=WEIGHTS.filter(any))
def test_each_is_chosen_in_proportion_to_its_weight(weights: list[int]) -> None:
    """Points laid evenly over the range hit each choice as often as its weight says, to a point at either end."""
    points = 2000
    hits = [weighted(list(enumerate(weights)), step / points) for step in range(points)]
    for index, weight in enumerate(weights):
        assert abs(hits.count(index) - points * weight / sum(weights)) <= 2


@pytest.mark.parametrize(
    ("point", "service"),
    [(0.0, "podinfo-primary"), (0.89, "podinfo-primary"), (0.9, "podinfo-canary"), (0.999, "podinfo-canary")],
)
def test_a_rule_splits_by_weight(point: float, service: str) -> None:
    """Ninety to ten."""
    route = a_route(a_rule(a_ref("podinfo-primary", 90), a_ref("podinfo-canary", 10)))
    assert chosen([route], point=point) == service


def test_a_backend_without_weight_weighs_one() -> None:
    """The API's default."""
    route = a_route(a_rule(a_ref("podinfo-primary"), a_ref("podinfo-canary")))
    assert [chosen([route], point=point) for point in (0.49, 0.5)] == ["podinfo-primary", "podinfo-canary"]


def test_only_zero_weights_are_an_error() -> None:
    """The Gateway API asks for 500."""
    route = a_route(a_rule(a_ref("podinfo-primary", 0), a_ref("podinfo-canary", 0)))
    assert routed_by_routes([route], APEX, GET, at(0)) == Unroutable(
        500, "every backend of the matching rule of HTTPRoute podinfo.test has weight 0"
    )


def test_without_routes_or_backends_the_service_answers_itself() -> None:
    """A Service is its own default."""
    assert routed_by_routes([], APEX, GET, at(0)) == Routed(APEX)
    assert chosen([a_route(a_rule())]) == "podinfo"


def test_a_backend_may_name_its_port_and_namespace() -> None:
    """Else they are the request's and the route's."""
    refs = a_ref("a", port=80, namespace="other"), {"kind": "Service", "name": "b"}
    found = [routed_by_routes([a_route(a_rule(ref))], APEX, GET, at(0)) for ref in refs]
    assert found == [Routed(Backend("other", "a", 80)), Routed(Backend("test", "b", 9898))]


# -- attachment -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "attached"),
    [
        pytest.param({}, True, id="the guide's"),
        pytest.param({"group": ""}, True, id="the core group by its real name"),
        pytest.param({"port": None}, True, id="every port"),
        pytest.param({"namespace": None}, True, id="the route's namespace"),
        pytest.param({"port": 80}, False, id="another port"),
        pytest.param({"name": "other"}, False, id="another Service"),
        pytest.param({"namespace": "other"}, False, id="another namespace"),
        pytest.param({"kind": "Gateway", "group": "gateway.networking.k8s.io"}, False, id="a Gateway"),
    ],
)
def test_a_route_is_attached_by_its_parents(changes: Json, attached: bool) -> None:
    """Group, kind, name, namespace and port all count."""
    guide = {"group": "core", "kind": "Service", "name": "podinfo", "namespace": "test", "port": 9898}
    parent = {key: value for key, value in (guide | changes).items() if value is not None}
    assert is_attached(a_route(parent=parent), APEX) is attached


# -- matches ----------------------------------------------------------------------------------------------------------


def a_path(value: str, kind: str = "PathPrefix") -> Json:
    """A match by path."""
    return {"path": {"type": kind, "value": value}}


def a_header(value: str, kind: str = "Exact") -> Json:
    """A match by the header X-Canary."""
    return {"headers": [{"name": "X-Canary", "value": value, "type": kind}]}


@pytest.mark.parametrize(
    ("match", "request_", "fits"),
    [
        pytest.param(a_path("/"), Request(path="/a/b"), True, id="root prefix"),
        pytest.param(a_path("/a"), Request(path="/a"), True, id="prefix, itself"),
        pytest.param(a_path("/a"), Request(path="/a/b"), True, id="prefix, below"),
        pytest.param(a_path("/a/"), Request(path="/a"), True, id="prefix, trailing slash ignored"),
        pytest.param(a_path("/a"), Request(path="/ab"), False, id="prefix, whole elements only"),
        pytest.param(a_path("/a", "Exact"), Request(path="/a"), True, id="exact"),
        pytest.param(a_path("/a", "Exact"), Request(path="/a/"), False, id="exact, nothing more"),
        pytest.param(a_path("/v[0-9]+", "RegularExpression"), Request(path="/v12"), True, id="regex"),
        pytest.param(a_path("/v[0-9]+", "RegularExpression"), Request(path="/v12/x"), False, id="regex, whole path"),
        pytest.param({"method": "POST"}, Request(method="POST"), True, id="method"),
        pytest.param({"method": "POST"}, Request(method="GET"), False, id="other method"),
        pytest.param(a_header("always"), Request(headers=[("x-canary", "always")]), True, id="header"),
        pytest.param(a_header("always"), Request(headers=[("x-canary", "Always")]), False, id="header value's case"),
        pytest.param(a_header("always"), Request(), False, id="header absent"),
        pytest.param(
            a_header(".*canary=always.*", "RegularExpression"),
            Request(headers=[("x-canary", "a=b; canary=always; c=d")]),
            True,
            id="header regex",
        ),
        pytest.param(
            a_header("alw", "RegularExpression"), Request(headers=[("x-canary", "always")]), False, id="whole value"
        ),
        pytest.param(
            {"queryParams": [{"name": "v", "value": "2"}]}, Request(query=[("v", "2"), ("v", "3")]), True, id="query"
        ),
        pytest.param({"queryParams": [{"name": "V", "value": "2"}]}, Request(query=[("v", "2")]), False, id="its case"),
        pytest.param(a_path("/a") | {"method": "PUT"}, Request(path="/a"), False, id="all parts must fit"),
    ],
)
def test_a_rule_answers_what_it_matches(match: Json, request_: Request, fits: bool) -> None:
    """And nothing else: what no rule matches is 404."""
    routed = routed_by_routes([a_route(a_rule(a_ref("podinfo-canary"), matches=[match]))], APEX, request_, at(0))
    if fits:
        assert routed == Routed(CANARY)
    else:
        why = f"no rule of an HTTPRoute on podinfo.test:9898 matches {request_.method} {request_.path}"
        assert routed == Unroutable(404, why)


def test_any_of_several_matches_is_enough() -> None:
    """They are alternatives."""
    rule = a_rule(a_ref("podinfo-canary"), matches=[{"method": "PUT"}, a_path("/")])
    assert chosen([a_route(rule)]) == "podinfo-canary"


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        pytest.param(a_path("/long/prefix"), a_path("/long/prefix/x", "Exact"), id="exact path"),
        pytest.param(a_path("/long"), a_path("/long/prefix"), id="longer path"),
        pytest.param(a_path("/"), a_path("/") | {"method": "GET"}, id="method"),
        pytest.param({"method": "GET"}, a_path("/long"), id="path before method"),
        pytest.param({}, a_header("always"), id="header"),
        pytest.param(a_header("always"), a_header("always") | {"method": "GET"}, id="method before header"),
        pytest.param({}, {"queryParams": [{"name": "v", "value": "2"}]}, id="query"),
    ],
)
@pytest.mark.parametrize("stronger_first", [True, False])
def test_the_more_special_match_wins(weaker: Json, stronger: Json, stronger_first: bool) -> None:
    """Wherever it stands, in the same route or in another."""
    rules = [a_rule(a_ref("weaker"), matches=[weaker]), a_rule(a_ref("stronger"), matches=[stronger])]
    ordered = rules[::-1] if stronger_first else rules
    request = Request(path="/long/prefix/x", headers=[("x-canary", "always")], query=[("v", "2")])
    assert chosen([a_route(*ordered)], request) == "stronger"
    assert chosen([a_route(rule, name=name) for name, rule in zip("ab", ordered, strict=True)], request) == "stronger"


def test_among_equals_the_first_rule_of_the_oldest_route_wins() -> None:
    """Then the first by name."""
    older = a_route(a_rule(a_ref("first")), a_rule(a_ref("second")), name="z", created="2026-01-01T00:00:00Z")
    newer = a_route(a_rule(a_ref("newer")), name="a", created="2026-01-02T00:00:00Z")
    assert chosen([newer, older]) == "first"
    assert chosen([a_route(a_rule(a_ref(name)), name=name) for name in "ba"]) == "a"


# -- filters ----------------------------------------------------------------------------------------------------------


def a_mirror(**changes: Any) -> Json:
    """A filter that copies to the canary."""
    return {"type": "RequestMirror", "requestMirror": {"backendRef": a_ref("podinfo-canary")} | changes}


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        pytest.param({}, 1.0, id="all"),
        pytest.param({"percent": 25}, 0.25, id="percent"),
        pytest.param({"percent": 0}, 0.0, id="none"),
        pytest.param({"fraction": {"numerator": 1, "denominator": 8}}, 0.125, id="fraction"),
        pytest.param({"fraction": {"numerator": 5}}, 0.05, id="fraction of a hundred"),
    ],
)
def test_a_mirror_copies_its_share(changes: Json, share: float) -> None:
    """The original goes where it went."""
    route = a_route(a_rule(a_ref("podinfo-primary"), filters=[a_mirror(**changes)]))
    points = [step / 1000 for step in range(1000)]
    routed = [routed_by_routes([route], APEX, GET, at(point)) for point in points]
    copied = [one for one in routed if one == Routed(PRIMARY, mirrors=(CANARY,))]
    assert len(copied) == share * 1000
    assert all(one == Routed(PRIMARY) for one in routed if one not in copied)


def test_header_modifiers_of_rule_and_backend_are_applied_in_turn() -> None:
    """Requests' and responses' apart."""
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-A", "value": "1"}]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}},
    ]
    own = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "X-B", "value": "2"}]}}]
    route = a_route(a_rule(a_ref("podinfo-canary", filters=own), filters=filters))
    assert routed_by_routes([route], APEX, GET, at(0)) == Routed(
        CANARY,
        request_headers=(HeaderChange(set=(("X-A", "1"),)), HeaderChange(add=(("X-B", "2"),))),
        response_headers=(HeaderChange(remove=("server",)),),
    )


def test_an_unknown_filter_fails_the_request() -> None:
    """And is named."""
    routed = routed_by_routes([a_route(a_rule(filters=[{"type": "ExtensionRef"}]))], APEX, GET, at(0))
    assert isinstance(routed, Unroutable)
    assert routed.status == 500
    assert re.search("HTTPRoute podinfo.test: .* cannot do filter ExtensionRef", routed.why)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("1m30s", 90.0), ("0s", None), (None, None)])
def test_a_rule_may_have_a_deadline(text: str | None, seconds: float | None) -> None:
    """Zero means none."""
    timeouts = {"timeouts": {"request": text}} if text else {}
    routed = routed_by_routes([a_route(a_rule(**timeouts))], APEX, GET, at(0))
    assert routed == Routed(APEX, timeout_seconds=seconds)


def test_the_shorter_deadline_holds() -> None:
    """The backend's bounds the one attempt there is."""
    rule = a_rule(timeouts={"request": "10s", "backendRequest": "2s"})
    assert routed_by_routes([a_route(rule)], APEX, GET, at(0)) == Routed(APEX, timeout_seconds=2.0)


@pytest.mark.parametrize(
    ("prefix", "replacement", "path", "seen"),
    [
        ("/api", "/v1", "/api/pods", "/v1/pods"),
        ("/api", "/v1", "/api", "/v1"),
        ("/api", "/", "/api/pods", "/pods"),
        ("/api", "/", "/api", "/"),
        ("/", "/v1", "/pods", "/v1/pods"),
    ],
)
def test_a_prefix_is_rewritten(prefix: str, replacement: str, path: str, seen: str) -> None:
    """The rest of the path stays."""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}}
    rule = a_rule(matches=[a_path(prefix)], filters=[{"type": "URLRewrite", "urlRewrite": rewrite}])
    routed = routed_by_routes([a_route(rule)], APEX, Request(path=path), at(0))
    assert routed == Routed(APEX, rewritten=Rewritten(path=seen))


def test_path_and_host_name_are_rewritten() -> None:
    """Whole."""
    rewrite = {"hostname": "example.com", "path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"}}
    rule = a_rule(filters=[{"type": "URLRewrite", "urlRewrite": rewrite}])
    routed = routed_by_routes([a_route(rule)], APEX, Request(path="/old"), at(0))
    assert routed == Routed(APEX, rewritten=Rewritten("example.com", "/new"))


# -- TrafficSplit -----------------------------------------------------------------------------------------------------


def a_split(*weights: int | str) -> Json:
    """Weights of canary and primary."""
    backends = [
        {"service": s, "weight": w} for s, w in zip(("podinfo-canary", "podinfo-primary"), weights, strict=True)
    ]
    return {
        "metadata": {"namespace": "test", "name": "podinfo"},
        "spec": {"service": "podinfo", "backends": backends},
    }


@pytest.mark.parametrize(
    ("weights", "point", "backend"),
    [
        pytest.param((0, 100), 0.0, PRIMARY, id="nothing to the canary"),
        pytest.param((10, 90), 0.09, CANARY, id="integers"),
        pytest.param(("10", "90"), 0.1, PRIMARY, id="quantities"),
        pytest.param(("500m", "1"), 0.3, CANARY, id="thousandths"),
    ],
)
def test_a_traffic_split_splits_by_weight(weights: tuple[int | str, int | str], point: float, backend: Backend) -> None:
    """On the request's port."""
    assert routed_by_split(a_split(*weights), APEX, at(point)) == Routed(backend)


def test_a_traffic_split_of_zeros_is_an_error() -> None:
    """As with routes."""
    expected = Unroutable(500, "every backend of TrafficSplit podinfo.test has weight 0")
    assert routed_by_split(a_split(0, 0), APEX, at(0)) == expected
