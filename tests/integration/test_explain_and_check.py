"""`serinus explain` and `serinus check` on real servers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from playground.stage import Stage
from tests.integration.programs import Ran, run
from tests.integration.scenario import NAME, Stories, a_canary, at_once, canary_of

pytestmark = pytest.mark.integration

STRANGER = "stranger"
Explained = dict[str, Any]


async def explained(stage: Stage) -> Explained:
    """A release without traffic: its checks find nothing, until somebody ends it."""
    namespace = "explain"
    whom = (NAME, "-n", namespace)
    async with a_canary(stage, namespace, canary_of(namespace, webhooks=[], threshold=100)) as scene:
        await scene.release()
        await scene.until_event("Halt advancement no values found")
        told = {"halted": await run(stage, "serinus", "explain", *whom, "-o", "json")}
        told["for people"] = await run(stage, "serinus", "explain", *whom)
        told["abort"] = await run(stage, "serinus", "abort", *whom, "--reason", "no traffic", "-o", "json")
        await scene.until_over()
        told["failed"] = await run(stage, "serinus", "explain", *whom, "-o", "json")
        return told


async def checked(stage: Stage) -> Explained:
    """The installation of these tests, and what it looks like to whom something is wrong."""
    await none_is_going(stage)
    return {
        "fine": await run(stage, "serinus", "check", "-o", "json"),
        "for people": await run(stage, "serinus", "check"),
        "no router": await run(stage, "serinus", "check", SERINUS_MESH_PROVIDER="smi:v1alpha1"),
        "no namespace": await run(stage, "serinus", "check", TEMPORAL_NAMESPACE="nowhere"),
        "no worker": await run(stage, "serinus", "check", SERINUS_TASK_QUEUE="nobody"),
        "no prometheus": await run(stage, "serinus", "check", SERINUS_METRICS_SERVER="http://127.0.0.1:1"),
        "no temporal": await run(stage, "serinus", "check", TEMPORAL_ADDRESS="127.0.0.1:1"),
        "no cluster": await run(stage, "serinus", "check", KUBECONFIG=str(stage.folder / "none")),
        "stranger": await run(stage, "serinus", "check", KUBECONFIG=await kubeconfig_of_a_stranger(stage)),
    }


async def none_is_going(stage: Stage) -> None:
    """Canaries of other tests, which may want kinds that are not served, are gone with their namespaces."""
    going = await stage.kubectl("get", "namespaces", "--field-selector=status.phase=Terminating", "-o", "name")
    if names := going.split():
        await stage.kubectl("wait", "--for=delete", "--timeout=120s", *names)


async def kubeconfig_of_a_stranger(stage: Stage) -> str:
    """Of a ServiceAccount that nobody granted anything."""
    await stage.kubectl("-n", "default", "create", "serviceaccount", STRANGER)
    token = (await stage.kubectl("-n", "default", "create", "token", STRANGER)).strip()
    config = yaml.safe_load(stage.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    file = stage.folder / "stranger.yaml"
    file.write_text(json.dumps(config))
    return str(file)


@pytest.fixture(scope="module")
async def told(stage: Stage) -> AsyncIterator[Stories[Explained]]:
    """Both at the same time."""
    async with at_once(explained=explained(stage), checked=checked(stage)) as running:
        yield running


async def test_a_halted_rollout_is_explained(told: Stories[Explained]) -> None:
    """With the queries as they were sent, what they found, and what can be done."""
    halted = (await told.told("explained"))["halted"].json
    assert halted["phase"] == "Progressing"
    assert halted["why"].startswith("Halt advancement no values found for")
    assert halted["waitsFor"].startswith("the next check; ")
    checks = {check["name"]: check for check in halted["checks"]}
    success_rate = checks["request-success-rate"]
    assert (success_rate["verdict"], success_rate["minimum"], success_rate["value"]) == ("no data", 99, None)
    assert 'response_total{namespace="explain",deployment="podinfo"' in success_rate["query"]
    assert "serinus abort podinfo -n explain" in [way["command"] for way in halted["ways"]]


async def test_people_read_the_same(told: Stories[Explained]) -> None:
    """On one page."""
    ran = await told.told("explained")
    assert ran["for people"].code == 0
    for part in (
        "canary podinfo.explain: Progressing",
        "Why\n",
        "Waits for\n",
        "request-success-rate: no data",
        "Ways on\n",
    ):
        assert part in ran["for people"].out


async def test_a_failed_rollout_still_tells_what_its_last_step_was_told(told: Stories[Explained]) -> None:
    """Its history remembers."""
    ran = await told.told("explained")
    assert ran["abort"].json["message"].startswith("aborting: ")
    failed = ran["failed"].json
    assert failed["phase"] == "Failed"
    assert failed["why"].endswith("Rolling back podinfo.explain aborted by ann: no traffic")
    assert failed["waitsFor"].startswith("the next revision of the target")
    assert {check["verdict"] for check in failed["checks"]} == {"passed", "no data"}


def wrongs(ran: Ran) -> list[str]:
    """Lines that are not ok."""
    return [line for line in ran.out.splitlines() if not line.startswith("ok ")]


async def test_an_installation_that_works_has_nothing_to_mend(told: Stories[Explained]) -> None:
    """Every check says so."""
    ran = await told.told("checked")
    assert (ran["fine"].code, ran["fine"].err) == (0, ""), ran["fine"].out
    findings = {finding["what"]: finding for finding in ran["fine"].json}
    assert {finding["outcome"] for finding in findings.values()} == {"ok"}
    assert set(findings) == {
        "API server",
        *(f"definition {kind}.flagger.app" for kind in ("canaries", "metrictemplates", "alertproviders")),
        "kinds",
        "permissions",
        "Temporal",
        "Temporal namespace",
        "search attributes",
        "worker",
        "Prometheus",
    }
    assert (ran["for people"].code, wrongs(ran["for people"])) == (0, [])


@pytest.mark.parametrize(
    ("case", "code", "line"),
    [
        ("no router", 1, "wrong  kinds: not served: TrafficSplit (split.smi-spec.io/v1alpha1); install"),
        (
            "no namespace",
            1,
            "wrong  Temporal namespace: nowhere does not exist; run temporal operator namespace create",
        ),
        ("no worker", 1, "wrong  worker: none takes workflows from task queue nobody; start serinus worker"),
        ("no prometheus", 1, "wrong  Prometheus: http://127.0.0.1:1: "),
        ("no temporal", 3, "away   Temporal: Temporal does not answer at 127.0.0.1:1"),
        ("no cluster", 3, "away   API server: "),
        ("stranger", 1, "wrong  permissions: may not get, list, watch, patch canaries.flagger.app; grant it to"),
    ],
)
async def test_what_is_wrong_is_told_with_its_remedy(told: Stories[Explained], case: str, code: int, line: str) -> None:
    """And the rest is checked all the same."""
    ran = (await told.told("checked"))[case]
    assert ran.code == code
    assert any(found.startswith(line) for found in wrongs(ran)), ran.out + ran.err
    assert "Traceback" not in ran.err
