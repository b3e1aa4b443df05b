"""Why a canary stands where it stands, what it waits for, and which commands answer it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.builders import a_check
from tests.objects import a_canary
from tests.worker.commands import People, an_answer, json_of, run
from worker.explain import Explanation, Seen, explanation, judged
from worker.explain_view import lines_of
from workflows.observation import Gate, Phase
from workflows.state import ChecksAnswer, PlanAnswer
from workflows.verdict import Check, NoData, Objected, Passed, Question, Unreadable, Value

Json = dict[str, Any]
PLAN = PlanAnswer(weights=(10,), interval_seconds=30, threshold=5, deadline_seconds=600, hooks=())
SLOW = a_check(
    name="request-duration", question=Question.DURATION, answer=Value(value=812.4), maximum=500, minimum=None
)
AWAY = a_check(name="errors", question=Question.QUERY, answer=Unreadable(detail="refused"))
SOON = datetime(2030, 1, 1, tzinfo=UTC)
HALT = "Halt podinfo.test advancement request duration 812ms > 500ms"


def under_way(*checks: Check, suspend: bool = False, **status: Any) -> Seen:
    """A rollout that answers."""
    answer = an_answer(threshold=5, **status)
    return Seen(a_canary(suspend=suspend), answer, PLAN, ChecksAnswer(checks=checks))


def at_rest(phase: str, *, suspend: bool = False, **status: Any) -> Seen:
    """A canary of which only the cluster knows."""
    return Seen(a_canary(suspend=suspend, status={"phase": phase, **status}))


@pytest.mark.parametrize(
    ("seen", "waits_for"),
    [
        pytest.param(under_way(next_check=SOON), "the next check", id="all is well"),
        pytest.param(
            under_way(SLOW, halt=HALT, failed_checks=3), "the next check; 2 more failed ones roll back", id="halted"
        ),
        pytest.param(
            under_way(SLOW, halt=HALT, failed_checks=4),
            "the next check; 1 more failed one rolls back",
            id="last chance",
        ),
        pytest.param(
            under_way(AWAY, halt="Prometheus query failed for errors: refused"),
            "check errors to be readable; the weight is held meanwhile",
            id="unreadable",
        ),
        pytest.param(
            under_way(phase=Phase.WAITING_PROMOTION, gate=Gate.PROMOTION, waiting="Halt …"),
            "a yes at confirm-promotion",
            id="gate",
        ),
        pytest.param(
            under_way(SLOW, paused_by="ann", halt=HALT),
            "ann, who paused it; checks go on, and failed ones still roll back",
            id="paused",
        ),
        pytest.param(
            under_way(waiting="Waiting for podinfo.test rollout to finish: 0 of 1 updated replicas are available"),
            "pods to become ready; 600 s without progress roll back",
            id="pods",
        ),
        pytest.param(
            under_way(suspend=True), "spec.suspend to be taken back; nothing happens until then", id="suspended"
        ),
        pytest.param(
            at_rest("Progressing"),
            "a worker: no rollout answers within a few seconds; see serinus check",
            id="nobody answers",
        ),
        pytest.param(at_rest(""), "its primary to be made and to become ready", id="new"),
        pytest.param(at_rest("Succeeded"), "nothing: it is at rest until the target changes", id="at rest"),
        pytest.param(
            at_rest("Failed", haltReason=HALT),
            "the next revision of the target; all traffic is on the primary",
            id="failed",
        ),
        *(
            pytest.param(
                at_rest(phase, haltReason="spec.provider: osm is not supported yet"),
                "the problem to be solved; it looks again whenever the Canary or its target changes",
                id=f"blocked in phase {phase}",
            )
            for phase in ("", "Initialized")
        ),
    ],
)
def test_what_it_waits_for(seen: Seen, waits_for: str) -> None:
    """The nearest thing that has to happen."""
    assert explanation(seen).waits_for == waits_for


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (under_way(halt=HALT), HALT),
        (under_way(halt=HALT, waiting="Waiting for pods"), "Waiting for pods"),
        (under_way(log=("one", "two")), "two"),
        (at_rest("Failed", haltReason=HALT, conditions=[{"message": f"Canary analysis failed. {HALT}"}]), HALT),
        (at_rest("Succeeded", conditions=[{"message": "Promotion finished."}]), "Promotion finished."),
        (at_rest(""), ""),
    ],
)
def test_why(seen: Seen, why: str) -> None:
    """The sentence that says most."""
    assert explanation(seen).why == why


def commands(explained: Explanation) -> list[str]:
    """That it offers, without the name."""
    return [way.command.replace(" podinfo -n test", "") for way in explained.ways]


@pytest.mark.parametrize(
    ("seen", "offered"),
    [
        pytest.param(under_way(), ["serinus promote", "serinus abort", "serinus pause"], id="advancing"),
        pytest.param(under_way(paused_by="ann"), ["serinus promote", "serinus abort", "serinus resume"], id="paused"),
        pytest.param(under_way(phase=Phase.PROMOTING), ["serinus abort"], id="promoting"),
        pytest.param(at_rest("Succeeded"), ["serinus undo"], id="succeeded"),
        pytest.param(at_rest("Failed", haltReason=HALT), ["serinus history"], id="failed"),
        pytest.param(
            at_rest("", haltReason="spec.x: bad"),
            ["kubectl -n test get canary podinfo -o yaml | serinus lint -"],
            id="blocked",
        ),
        pytest.param(
            at_rest("Initialized", suspend=True),
            ["""kubectl -n test patch canary podinfo --type=merge -p '{"spec":{"suspend":false}}'"""],
            id="suspended",
        ),
        pytest.param(at_rest("Progressing"), [], id="nobody would answer"),
    ],
)
def test_ways_on(seen: Seen, offered: list[str]) -> None:
    """Only commands that would not be refused."""
    assert commands(explanation(seen)) == offered


def test_a_gate_is_opened_by_promote() -> None:
    """And says which."""
    promote, *_ = explanation(under_way(phase=Phase.WAITING, gate=Gate.ROLLOUT)).ways
    assert (promote.command, promote.does) == (
        "serinus promote podinfo -n test",
        "approved: the rollout passes confirm-rollout",
    )


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (SLOW, ("failed", "failed, 812ms", "at most 500ms", 812.4, "")),
        (
            a_check(answer=Value(value=99.5), minimum=99, maximum=None),
            ("passed", "passed, 99.50%", "at least 99%", 99.5, ""),
        ),
        (
            a_check(question=Question.TEMPLATE, answer=NoData(detail="nothing"), minimum=1, maximum=2.5),
            ("no data", "no data", "at least 1 and at most 2.5", None, "nothing"),
        ),
        (AWAY, ("unreadable", "unreadable", "at least 99", None, "refused")),
        (Check(name="h", question=Question.HOOK, answer=Objected(detail="403")), ("failed", "failed", "", None, "403")),
        (Check(name="h", question=Question.HOOK, answer=Passed()), ("passed", "passed", "", None, "")),
    ],
)
def test_a_check_is_told_with_its_value_and_bounds(check: Check, told: tuple[Any, ...]) -> None:
    """In the metric's own unit."""
    found = judged(check)
    assert (found.verdict, found.shown, found.bounds, found.value, found.detail) == told


# -- the command ------------------------------------------------------------------------------------------------------


async def a_halted_rollout(api: ApiServer, people: People) -> None:
    """One check failed, another one passed."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(status={"phase": "Progressing"}))
    slow = SLOW.model_copy(update={"query": 'histogram_quantile(0.99,\n  rate(a{b="c"}[1m]))\n'})
    people.answers = {
        "status": an_answer(halt=HALT, threshold=5, weight=20),
        "plan": PLAN,
        "checks": ChecksAnswer(checks=(slow, Check(name="load-test", question=Question.HOOK, answer=Passed()))),
    }


@pytest.mark.usefixtures("kubeconfig")
async def test_for_people(api: ApiServer, app: typer.Typer, people: People) -> None:
    """All on one page."""
    await a_halted_rollout(api, people)
    result = await run(app, "explain", "podinfo", "-n", "test")
    assert result.exit_code == 0
    assert (
        result.stdout
        == f"""\
canary podinfo.test: Progressing, weight 20%, failed checks 2 of 5

Why
  {HALT}

Waits for
  the next check; 3 more failed ones roll back

Checks of the last step
  request-duration: failed, 812ms; passes at most 500ms
      histogram_quantile(0.99,
        rate(a{{b="c"}}[1m]))
  load-test: passed

Ways on
  serinus promote podinfo -n test  promoting: the canary goes to the primary without further analysis
  serinus abort podinfo -n test    aborting: all traffic goes back to the primary
  serinus pause podinfo -n test    paused: the weight stays as it is, checks go on; resume lets it advance
"""
    )


def test_people_see_when_the_next_check_is() -> None:
    """In the first line."""
    first, *_ = lines_of(explanation(under_way(next_check=datetime.now(UTC) - timedelta(seconds=1))))
    assert first == "canary podinfo.test: Progressing, weight 30%, failed checks 2 of 5, next check in 0s"


@pytest.mark.usefixtures("kubeconfig")
async def test_for_scripts(api: ApiServer, app: typer.Typer, people: People) -> None:
    """One object in camelCase, with numbers as numbers."""
    await a_halted_rollout(api, people)
    explained = json_of(await run(app, "explain", "podinfo", "-n", "test", "-o", "json"))
    assert (explained["phase"], explained["failedChecks"], explained["threshold"]) == ("Progressing", 2, 5)
    slow, _ = explained["checks"]
    assert (slow["verdict"], slow["value"], slow["maximum"], slow["minimum"]) == ("failed", 812.4, 500, None)
    assert slow["query"].startswith("histogram_quantile")
    assert explained["ways"][1]["command"] == "serinus abort podinfo -n test"


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_a_canary_that_is_not_there(app: typer.Typer) -> None:
    """Exit code 1."""
    result = await run(app, "explain", "nobody", "-n", "test")
    assert (result.exit_code, result.stderr) == (1, "canary nobody not found in namespace test\n")
