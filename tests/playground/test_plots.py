"""What the demo applies for each provider, and what it has people type."""

from collections.abc import Mapping

import pytest
import yaml

from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import INGRESSES
from k8s.routers.registry import router_for
from playground.plots import PLOTS, Plot, Provider, manifest
from playground.stage import PROVIDER


def canary_of(plot: Plot, interval: str = "") -> Canary:
    """As the API server would take it."""
    raw = yaml.safe_load(plot.manifest("test", interval))
    raw["metadata"] |= {"uid": "uid-canary", "generation": 1}
    return load_canary(raw)


@pytest.mark.parametrize(
    ("provider", "wanted"),
    [(Provider.GATEWAYAPI, PROVIDER), (Provider.LINKERD, "linkerd"), (Provider.NGINX, "nginx")],
)
def test_the_canary_is_fit_for_its_router(provider: Provider, wanted: str) -> None:
    """The one that the option names, which refuses nothing of it."""
    canary = canary_of(PLOTS[provider])
    assert (canary.spec.provider or PROVIDER) == wanted
    assert router_for(wanted).problem(canary) == ""


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_another_interval_is_that_of_the_analysis_alone(plot: Plot) -> None:
    """The metrics keep the guide's."""
    given, shortened = canary_of(plot).spec.analysis, canary_of(plot, "3s").spec.analysis
    assert given.interval
    assert shortened.interval
    assert (given.interval.total_seconds(), shortened.interval.total_seconds()) == (plot.interval_seconds, 3)
    assert shortened.metrics == given.metrics


def test_the_ingress_leads_to_what_the_canary_makes() -> None:
    """In the present version of the API, where the guide's Canary speaks of an older one."""
    canary, ingress = canary_of(PLOTS[Provider.NGINX]), yaml.safe_load(manifest("podinfo-ingress"))
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    assert canary.spec.ingress_ref
    assert canary.spec.ingress_ref.api_version == "extensions/v1beta1"
    assert (ingress["apiVersion"], ingress["metadata"]["name"]) == (INGRESSES.api_version, canary.spec.ingress_ref.name)
    assert path["backend"]["service"]["name"] == canary.apex_name


@pytest.mark.parametrize(
    ("insider", "command"),
    [
        ({}, "curl -s http://podinfo-canary.test:9898/status/500"),
        ({"X-Canary": "always"}, "curl -s -H 'X-Canary: always' http://podinfo-canary.test:9898/status/500"),
    ],
)
def test_curl(insider: Mapping[str, str], command: str) -> None:
    """As a person would type it."""
    assert Plot(insider=insider).curl("status/500") == command


@pytest.mark.parametrize(
    ("deployments", "names"),
    [("", ("podinfo", "loadtester")), ("deployment.apps/podinfo\ndeployment.apps/x\n", ("loadtester",))],
)
def test_an_application_that_is_there_stays(deployments: str, names: tuple[str, ...]) -> None:
    """Applying the guide's would be a release."""
    assert Plot().lacking(deployments) == names
