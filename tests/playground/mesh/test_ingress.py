"""Which Ingress takes a request, and whether the canary beside it does: hosts, paths, headers, cookies, weights."""

from typing import Any

import pytest

from k8s.client import Json
from playground.mesh.ingress import PREFIX, admitted, is_for_canary
from playground.mesh.matching import Request
from tests.playground.mesh.objects import HOST, an_ingress


def a_canary(path: str = "/", **annotations: str) -> Json:
    """Beside it; `weight` stands for `nginx.ingress.kubernetes.io/canary-weight`, and so on."""
    said = {f"{PREFIX}-{key.replace('_', '-')}": value for key, value in annotations.items()} | {PREFIX: "true"}
    return an_ingress("podinfo-canary", path=path, service="podinfo-canary", annotations=said)


def service_for(*ingresses: Json, host: str = HOST, point: float = 0.5, **request: Any) -> str | None:
    """The name of the Service that the request goes to."""
    found = admitted(ingresses, host, Request(**request), lambda: point)
    return found.chosen.service["name"] if found else None


@pytest.mark.parametrize(
    ("host", "service"),
    [(HOST, "own"), ("other.example.com", "wildcard"), ("a.b.example.com", "any"), ("example.com", "any")],
)
def test_hosts(host: str, service: str) -> None:
    """Its own goes before a wildcard of one label, and that before any."""
    hosts = {"any": "", "wildcard": "*.example.com", "own": HOST}
    assert service_for(*(an_ingress(name, host=at, service=name) for name, at in hosts.items()), host=host) == service


@pytest.mark.parametrize(
    ("path", "service"), [("/", "root"), ("/api", "exact"), ("/api/v1", "prefix"), ("/apis", "root"), ("/x", "root")]
)
def test_paths(path: str, service: str) -> None:
    """An exact one goes before prefixes, of which the longest does; elements are whole."""
    ingresses = (
        an_ingress("a", service="root"),
        an_ingress("b", path="/api", service="prefix"),
        an_ingress("c", path="/api", exact=True, service="exact"),
    )
    assert service_for(*ingresses, path=path) == service


def test_a_default_backend_takes_what_no_rule_does() -> None:
    """Whatever the host."""
    backend = {"service": {"name": "fallback", "port": {"number": 80}}}
    default = {
        "metadata": {"name": "d", "namespace": "test"},
        "spec": {"ingressClassName": "nginx", "defaultBackend": backend},
    }
    assert service_for(an_ingress(), default, host="other.test") == "fallback"
    assert service_for(an_ingress(), default) == "podinfo"


@pytest.mark.parametrize(
    ("spec", "annotation", "taken"),
    [
        ({"ingressClassName": "nginx"}, {}, True),
        ({"ingressClassName": "traefik"}, {}, False),
        ({}, {}, False),
        ({}, {"kubernetes.io/ingress.class": "nginx"}, True),
        ({}, {"kubernetes.io/ingress.class": "traefik"}, False),
    ],
)
def test_class(spec: Json, annotation: dict[str, str], *, taken: bool) -> None:
    """As a field, or as the annotation that the guide writes; what is not nginx' is another controller's."""
    ingress = an_ingress(annotations=annotation)
    del ingress["spec"]["ingressClassName"]
    ingress["spec"] |= spec
    assert (service_for(ingress) is not None) is taken


def test_an_unknown_host_is_not_admitted() -> None:
    """Nor one that only a canary has."""
    assert service_for(an_ingress(), host="other.test") is None
    assert service_for(a_canary(weight="100")) is None


def test_a_canary_of_another_path_takes_nothing() -> None:
    """It stands beside the path that it shadows, and no other."""
    assert service_for(an_ingress(), a_canary("/api", weight="100"), path="/api") == "podinfo"
    assert service_for(an_ingress(), a_canary(weight="100"), path="/api") == "podinfo-canary"


HEADER = {"-by-header": "X-Canary"}
COOKIE = {"-by-cookie": "canary"}


@pytest.mark.parametrize(
    ("annotations", "headers", "chosen"),
    [
        ({}, [], False),
        ({"-weight": "51"}, [], True),
        ({"-weight": "50"}, [], False),
        ({"-weight": "0"}, [], False),
        ({"-weight": "50", "-weight-total": "1000"}, [], False),
        ({"-weight": "501", "-weight-total": "1000"}, [], True),
        (HEADER, [("x-canary", "always")], True),
        (HEADER | {"-weight": "100"}, [("x-canary", "never")], False),
        (HEADER | {"-weight": "100"}, [("x-canary", "else")], True),
        (HEADER, [("x-other", "always")], False),
        (HEADER | {"-by-header-value": "insider"}, [("x-canary", "insider")], True),
        (HEADER | {"-by-header-value": "insider"}, [("x-canary", "always")], False),
        (HEADER | {"-by-header-pattern": "in.*r"}, [("x-canary", "an insider!")], True),
        (HEADER | {"-by-header-pattern": "in.*r", "-weight": "100"}, [("x-canary", "x")], False),
        (COOKIE, [("cookie", "a=b; canary=always")], True),
        (COOKIE | {"-weight": "100"}, [("cookie", "canary=never")], False),
        (COOKIE, [("cookie", "canary=yes")], False),
        (HEADER | COOKIE, [("x-canary", "never"), ("cookie", "canary=always")], False),
        (HEADER | {"-by-header-value": "insider"} | COOKIE, [("x-canary", "x"), ("cookie", "canary=always")], True),
    ],
)
def test_who_gets_the_canary(annotations: dict[str, str], headers: list[tuple[str, str]], *, chosen: bool) -> None:
    """The header goes before the cookie, and both before the weight; the dice fall on the middle."""
    assert is_for_canary(annotations, Request(headers=headers), lambda: 0.5) is chosen
