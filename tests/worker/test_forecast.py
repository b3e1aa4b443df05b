"""What a Canary brings about is told from its manifest, by the code that will do it."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from activities.bench import Defaults, subject_of
from k8s.resources import CONFIG_MAPS, HTTP_ROUTES_V1, SECRETS
from tests.objects import a_canary, a_deployment, a_template, an_analysis
from tests.worker.commands import json_of, run
from worker.forecast import Forecast, forecast, stages_of
from worker.rehearsal import rehearsing
from workflows.observation import Plan, Strategy

Json = dict[str, Any]
OF_PODS = [
    "Deployment podinfo-primary",
    "Service podinfo",
    "Service podinfo-primary",
    "Service podinfo-canary",
]

GLOO_UPSTREAMS = [f"Upstream test-podinfo-{side}upstream-9898" for side in ("primary", "canary")]


async def told(*others: Json, canary: Json | None = None, **defaults: Any) -> Forecast:
    """The forecast of a Canary beside these objects."""
    raw, settings = canary or a_canary(), Defaults(**defaults)
    bench, cluster = rehearsing(settings, [raw, *others])
    return await forecast(subject_of(raw, settings), bench, cluster)


def made(plan: Forecast) -> list[str]:
    """Kind and name of each object."""
    return [f"{each.kind} {each.name}" for each in plan.makes]


def a_plan(**fields: Any) -> Plan:
    """Of three steps, ten seconds apart."""
    return Plan(**({"interval_seconds": 10, "threshold": 5, "weights": (10, 20, 30)} | fields))


def timed(plan: Plan) -> list[tuple[float, str, int]]:
    """When, what, and the canary's weight."""
    return [(stage.at_seconds, stage.says, stage.weight) for stage in stages_of(plan)]


DONE = "all traffic on the primary"


@pytest.mark.parametrize(
    ("plan", "stages"),
    [
        pytest.param(
            a_plan(),
            [
                (0, "weight 10%", 10),
                (10, "weight 20%", 20),
                (20, "weight 30%", 30),
                (30, "promotion", 30),
                (30, DONE, 0),
            ],
            id="weights",
        ),
        pytest.param(
            a_plan(weights=(40,), mirror=True),
            [(0, "weight 0%, copies of requests", 0), (10, "weight 40%", 40), (20, "promotion", 40), (20, DONE, 0)],
            id="copies before the first weight",
        ),
        pytest.param(
            a_plan(weights=(50,), promotion_step=20),
            [
                (0, "weight 50%", 50),
                (10, "promotion", 50),
                (10, "primary weight 70%", 30),
                (20, "primary weight 90%", 10),
                (30, DONE, 0),
            ],
            id="promotion in steps",
        ),
        pytest.param(
            a_plan(weights=(), strategy=Strategy.AB_TESTING, iterations=2),
            [(0, "iteration 1/2", 100), (10, "iteration 2/2", 100), (20, "promotion", 100), (20, DONE, 0)],
            id="A/B test",
        ),
        pytest.param(
            a_plan(weights=(), strategy=Strategy.BLUE_GREEN, iterations=1, mirror=True),
            [
                (0, "iteration 1/1, copies of requests", 0),
                (10, "promotion, all traffic on the canary meanwhile", 100),
                (10, DONE, 0),
            ],
            id="blue/green",
        ),
        pytest.param(
            a_plan(weights=(), strategy=Strategy.BLUE_GREEN, iterations=1, routed=False),
            [(0, "iteration 1/1", 0), (10, "promotion", 0)],
            id="without a router",
        ),
        pytest.param(a_plan(skip_analysis=True), [(0, "promotion", 0), (0, DONE, 0)], id="no analysis"),
    ],
)
def test_stages_of_a_release_in_which_nothing_goes_wrong(plan: Plan, stages: list[tuple[float, str, int]]) -> None:
    """Each an interval after the one before."""
    assert timed(plan) == stages


async def test_what_is_made_for_pods() -> None:
    """The primary, three Services, and what the router makes, by the router itself."""
    assert made(await told()) == [*OF_PODS, "HTTPRoute podinfo"]


async def test_copies_of_configs_are_named_when_the_target_is_there() -> None:
    """All but those that opted out; what is in none of the files is taken for tracked."""
    template = a_template()
    names = ("settings", "untracked", "elsewhere")
    template["spec"]["containers"][0]["envFrom"] = [
        *({"configMapRef": {"name": name}} for name in names),
        {"secretRef": {"name": "key"}},
    ]
    opted_out = CONFIG_MAPS.header("test", "untracked")
    opted_out["metadata"] = {**dict(opted_out["metadata"]), "annotations": {"flagger.app/config-tracking": "disabled"}}  # type: ignore[call-overload]  # a dict
    others = (opted_out, CONFIG_MAPS.header("test", "settings"), SECRETS.header("test", "key") | {"type": "Opaque"})
    target = a_deployment(template=template)
    copies = ["ConfigMap elsewhere-primary", "ConfigMap settings-primary", "Secret key-primary"]
    plan = await told(target, *others)
    assert (made(plan), plan.unknown) == ([*OF_PODS, *copies, "HTTPRoute podinfo"], [])
    assert made(await told(target, *others, enable_config_tracking=False)) == [*OF_PODS, "HTTPRoute podinfo"]


@pytest.mark.parametrize(
    ("provider", "routes"),
    [
        ("contour", ["HTTPProxy podinfo"]),
        ("gloo", [*GLOO_UPSTREAMS, "RouteTable podinfo"]),
        ("istio", ["DestinationRule podinfo-canary", "DestinationRule podinfo-primary", "VirtualService podinfo"]),
        ("kuma", ["TrafficRoute podinfo"]),
        ("linkerd", ["HTTPRoute podinfo"]),
        ("smi:v1alpha2", ["TrafficSplit podinfo"]),
        ("traefik", ["TraefikService podinfo"]),
    ],
)
async def test_what_each_router_makes(provider: str, routes: list[str]) -> None:
    """By its own doing, so it is known here at once."""
    plan = await told(a_deployment(), canary=a_canary(provider=provider))
    assert (made(plan), plan.unknown) == ([*OF_PODS, *routes], [])


async def test_what_the_files_do_not_tell_is_said() -> None:
    """Rather than left out."""
    ref = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"}
    plan = await told(canary=a_canary(provider="nginx", ingressRef=ref))
    assert made(plan) == OF_PODS
    assert plan.unknown == [
        "copies of ConfigMaps and Secrets: deployments/podinfo is in none of the files",
        "what provider nginx makes: ingresses/podinfo is in none of the files",
    ]


async def test_a_route_that_is_there_is_not_made() -> None:
    """It is only changed."""
    route = HTTP_ROUTES_V1.header("test", "podinfo") | {"spec": {"rules": []}}
    assert made(await told(route, a_deployment())) == OF_PODS


@pytest.mark.parametrize(
    ("spec", "objects"),
    [
        pytest.param(
            {"autoscalerRef": {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "so"}},
            ["Deployment podinfo-primary", "ScaledObject so-primary", *OF_PODS[1:], "HTTPRoute podinfo"],
            id="autoscaler",
        ),
        pytest.param(
            {"targetRef": {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}},
            ["Service podinfo-primary", "Service podinfo-canary", "HTTPRoute podinfo"],
            id="Service",
        ),
        pytest.param({"provider": "kubernetes"}, OF_PODS, id="no router"),
    ],
)
async def test_what_is_made_follows_the_spec(spec: Json, objects: list[str]) -> None:
    """By target, autoscaler and provider."""
    assert made(await told(canary=a_canary(**spec))) == objects


GATED = a_canary(
    analysis=an_analysis(
        stepWeight=50,
        metrics=[
            {"name": "request-success-rate", "thresholdRange": {"min": 99}},
            {"name": "latency", "templateRef": {"name": "latency"}, "thresholdRange": {"min": 1, "max": 2.5}},
        ],
        webhooks=[
            {"name": "smoke", "type": "pre-rollout", "url": "http://user:secret@tester/"},
            {"name": "ask", "type": "confirm-promotion", "url": "http://tester/gate"},
        ],
        approvals=["confirm-promotion", "confirm-rollout"],
        approvalTimeout="1m30s",
        alerts=[{"name": "a", "providerRef": {"name": "slack"}}],
    )
)
TOLD = """\
Canary podinfo.test releases Deployment podinfo.test by gatewayapi:v1, strategy canary

Makes
  Deployment podinfo-primary
  Service podinfo
  Service podinfo-primary
  Service podinfo-canary
  HTTPRoute podinfo

Not known
  copies of ConfigMaps and Secrets: deployments/podinfo is in none of the files

Steps, 30s at least, without waiting for pods and gates
        0s  weight 50%
       30s  promotion
       30s  all traffic on the primary

Checks every 30s; 5 failed ones roll back
  request-success-rate: at least 99 (built in)
  latency: at least 1 and at most 2.5 (MetricTemplate latency.test)

Hooks
  pre-rollout: smoke
  confirm-promotion: ask

Gates, for 1m30s at most
  confirm-promotion: webhook ask and a person: serinus promote podinfo -n test
  confirm-rollout: a person: serinus promote podinfo -n test

Alerts
  slack.test

"""


def a_file(folder: Path, *objects: Json) -> str:
    """With these objects."""
    (folder / "file.yaml").write_text(yaml.safe_dump_all(objects))
    return str(folder / "file.yaml")


async def test_for_people(app: typer.Typer, tmp_path: Path) -> None:
    """The whole of it, and no password in it."""
    result = await run(app, "plan", a_file(tmp_path, GATED))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == TOLD


async def test_for_scripts(app: typer.Typer, tmp_path: Path) -> None:
    """One object for each Canary, in camelCase, from standard input too."""
    text = Path(a_file(tmp_path, a_deployment(), GATED)).read_text()
    (plan,) = json_of(await run(app, "plan", "-o", "json", "-", input=text))
    assert plan["leastSeconds"] == 30
    assert plan["unknown"] == []
    assert plan["stages"][0] == {"atSeconds": 0, "says": "weight 50%", "weight": 50, "mirrored": False, "iteration": 0}
    assert plan["gates"][1] == {"gate": "confirm-rollout", "hooks": [], "person": True}
    assert "secret" not in json.dumps(plan)


@pytest.mark.parametrize(
    ("obj", "told"),
    [
        pytest.param(a_canary(provider="osm"), "spec.provider: osm is not supported yet", id="refused"),
        pytest.param(a_deployment(), "no Canary in these files", id="no Canary"),
    ],
)
async def test_no_forecast(app: typer.Typer, tmp_path: Path, obj: Json, told: str) -> None:
    """Exit code 1, and why."""
    result = await run(app, "plan", a_file(tmp_path, obj))
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr
