"""Serinus as it is installed, in pods, with real pods to release: bootstrap, promotion, rollback, and lost pods.

There is no router and no Prometheus here: releases are blue/green by Services, judged by the load tester's answers.
"""

import json
from dataclasses import dataclass

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from k8s.client import Json
from tests.e2e.conftest import APPLICATION, SYSTEM, TOKEN, Installed

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3000)]

IMAGE = "ghcr.io/stefanprodan/podinfo"
TESTER_HOST = "flagger-loadtester.test"
TESTER = f"http://canary:{TOKEN}@{TESTER_HOST}/"
CANARY_URL = "http://podinfo-canary.test:9898"
BAD = "6.0.2"
LONG = "--timeout=240s"
SOON = "--timeout=90s"
"""Less than Linux tries to connect to a pod that is gone."""


def canary() -> Json:
    """Two looks at each release; one that says it is the bad one is refused."""
    webhooks = [
        ("acceptance-test", "pre-rollout", {"type": "bash", "cmd": f"curl -sd 'test' {CANARY_URL}/token | grep token"}),
        ("load-test", "rollout", {"type": "cmd", "cmd": f"hey -z 5s -q 10 -c 2 {CANARY_URL}/"}),
        (
            "not-the-bad-one",
            "rollout",
            {"type": "bash", "cmd": f"curl -s {CANARY_URL}/version | grep -v '\"{BAD}\"' | grep version"},
        ),
    ]
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": APPLICATION},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "progressDeadlineSeconds": 120,
            "revertOnDeletion": True,
            "service": {"port": 9898, "targetPort": 9898},
            "analysis": {
                "interval": "5s",
                "threshold": 2,
                "iterations": 3,
                "webhooks": [
                    {"name": name, "type": kind, "url": TESTER, "timeout": "10s", "metadata": metadata}
                    for name, kind, metadata in webhooks
                ],
            },
        },
    }


@dataclass(frozen=True)
class Walk:
    """What was seen on the way."""

    served: tuple[str, str, str]
    """The version that users met after bootstrap, promotion and rollback."""
    events: list[str]
    history: list[Json]
    """As `serinus history` has it, asked in a pod after Temporal's was lost."""


@pytest.fixture(scope="module")
def walk(installed: Installed) -> Walk:
    """A good release in the middle of which every worker is lost, a bad one, and a lost Temporal."""
    installed.apply(canary())
    until_phase(installed, "Initialized")
    first = served(installed, "6.0.0")
    release(installed, "6.0.1")
    until_phase(installed, "Progressing")
    installed.kubectl("-n", SYSTEM, "delete", "pods", "-l", "app.kubernetes.io/component=worker", LONG)
    until_phase(installed, "Succeeded")
    second = served(installed, "6.0.1")
    release(installed, BAD)
    until_phase(installed, "Failed")
    third = served(installed, "6.0.1")
    installed.kubectl("-n", SYSTEM, "delete", "pod", "serinus-temporal-0", LONG)
    installed.kubectl("-n", SYSTEM, "rollout", "status", "statefulset/serinus-temporal", LONG)
    words = ("exec", "deployment/serinus", "--", "serinus", "history", "podinfo", "-n", APPLICATION, "-o", "json")
    history = json.loads(installed.kubectl("-n", SYSTEM, *words))
    events = json.loads(installed.kubectl("-n", APPLICATION, "get", "events", "-o", "json"))["items"]
    return Walk((first, second, third), [event["message"] for event in events], history)


def release(installed: Installed, version: str) -> None:
    """Another image for the target."""
    installed.kubectl("-n", APPLICATION, "set", "image", "deployment/podinfo", f"podinfod={IMAGE}:{version}")


def until_phase(installed: Installed, phase: str, timeout: str = LONG) -> None:
    """Return once the Canary is in it."""
    condition = f"--for=jsonpath={{.status.phase}}={phase}"
    installed.kubectl("-n", APPLICATION, "wait", "canary/podinfo", condition, timeout)


def served(installed: Installed, version: str) -> str:
    """The version that answers the users of podinfo, once it is this one, at the latest ten seconds later.

    Nodes go on leading to a pod that ends for a moment, and it goes on to answer.
    """

    def answers() -> str:
        return str(json.loads(curl(installed, "--fail", "http://podinfo.test:9898/version"))["version"])

    is_another = retry_if_result(lambda answer: answer != version)
    patiently = Retrying(
        retry=is_another, wait=wait_fixed(0.5), stop=stop_after_delay(10), retry_error_callback=lambda _: answers()
    )
    return patiently(answers)


def gate(installed: Installed, action: str, *, tester: str = TESTER) -> str:
    """The status with which the load tester answers for podinfo's gate."""
    body = json.dumps({"name": "podinfo", "namespace": APPLICATION})
    return curl(installed, "-o", "/dev/null", "-w", "%{http_code}", "-d", body, f"{tester}gate/{action}")


def curl(installed: Installed, *words: str) -> str:
    """What it prints, in the load tester's pod; nodes hear of a new Service a moment after it was made."""
    patient = ("-sS", "--retry", "10", "--retry-all-errors", "--retry-delay", "1")
    return installed.kubectl("-n", APPLICATION, "exec", "deployment/flagger-loadtester", "--", "curl", *patient, *words)


def test_users_meet_what_was_promoted(walk: Walk) -> None:
    """The good release and not the bad one."""
    assert walk.served == ("6.0.0", "6.0.1", "6.0.1")


def test_a_good_release_survives_the_workers(walk: Walk) -> None:
    """It is told to its end, and once."""
    assert walk.events.count("Promotion completed! Scaling down podinfo.test") == 1
    assert "Pre-rollout check acceptance-test passed" in walk.events


def test_a_bad_release_is_rolled_back(walk: Walk) -> None:
    """By what the load tester answered."""
    assert "Rolling back podinfo.test failed checks threshold reached 2" in walk.events
    assert any(
        text.startswith("Halt podinfo.test advancement external check not-the-bad-one failed") for text in walk.events
    )


def test_the_history_survives_temporals_pod(walk: Walk) -> None:
    """It is on the volume, which the server may write although it is not root."""
    assert [run["state"] for run in walk.history] == ["Failed", "Succeeded", "Initialized"]


@pytest.mark.usefixtures("walk")
def test_releases_go_on_after_temporals_pod(installed: Installed) -> None:
    """By the workers that were there before: they find the new one soon."""
    release(installed, "6.0.0")
    until_phase(installed, "Progressing", SOON)
    until_phase(installed, "Succeeded")
    assert served(installed, "6.0.0") == "6.0.0"


def test_an_open_gate_survives_the_load_testers_pod(installed: Installed) -> None:
    """It is on a volume, which the load tester may write although it is not root."""
    assert (gate(installed, "check"), gate(installed, "open")) == ("403", "202")
    pods = ("pods", "-l", "app.kubernetes.io/instance=flagger-loadtester")
    installed.kubectl("-n", APPLICATION, "delete", *pods, LONG)
    installed.kubectl("-n", APPLICATION, "rollout", "status", "deployment/flagger-loadtester", LONG)
    assert gate(installed, "check") == "200"


def test_the_load_tester_knows_its_callers(installed: Installed) -> None:
    """By the token of the chart's Secret, which the Canary's webhooks bring."""
    assert gate(installed, "approve") == "200"
    assert gate(installed, "approve", tester=f"http://{TESTER_HOST}/") == "401"


def test_the_token_is_told_nowhere(walk: Walk) -> None:
    """Though it stands in the URLs of the Canary's webhooks, one of which failed."""
    assert TOKEN not in json.dumps([walk.events, walk.history])


@pytest.mark.parametrize("workload", ["deployment/serinus", "statefulset/serinus-temporal"])
def test_nobody_is_root(installed: Installed, workload: str) -> None:
    """In pods that cannot write to their own file system either."""
    pods = json.loads(installed.kubectl("-n", SYSTEM, "get", workload, "-o", "json"))["spec"]["template"]["spec"]
    context = pods["containers"][0]["securityContext"]
    assert context["runAsNonRoot"]
    assert context["readOnlyRootFilesystem"]


def test_the_metrics_are_served(installed: Installed) -> None:
    """At the Service that a ServiceMonitor would find."""
    page = installed.kubectl("get", "--raw", f"/api/v1/namespaces/{SYSTEM}/services/serinus:http/proxy/metrics")
    assert 'flagger_info{mesh_provider="kubernetes"' in page
