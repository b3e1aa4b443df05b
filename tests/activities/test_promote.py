"""Promotion copies what was analysed, and keeps what was there before so that it can be taken back."""

import base64
import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.promote import Promote
from activities.report import Reporter
from k8s.configs import config_refs
from k8s.errors import Refused, Unavailable
from k8s.primary import mark_of, primary_template
from k8s.resources import AUTOSCALERS, CANARIES, CONFIG_MAPS, DEPLOYMENTS, SECRETS
from k8s.revision import config_checksum, template_hash
from k8s.targets.base import Selector
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_deployment, a_template
from workflows.effects import Promotion, PromotionOutcome, Report, Undone
from workflows.observation import CanaryRef, Phase, Revision

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
TARGET, PRIMARY = DEPLOYMENTS.path("test", "podinfo"), DEPLOYMENTS.path("test", "podinfo-primary")
SETTINGS, COPY = CONFIG_MAPS.path("test", "settings"), CONFIG_MAPS.path("test", "settings-primary")
PREVIOUS = SECRETS.path("test", "podinfo-primary-previous")
APP = Selector("app", "podinfo")


def a_version(number: int) -> Json:
    """The template of a version; every version reads the same ConfigMap."""
    template = a_template(image=f"podinfo:{number}")
    template["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    return template


def settings(number: int) -> Json:
    """The ConfigMap as it belongs to a version."""
    return {"data": {"color": f"color {number}"}}


def a_revision(number: int) -> Revision:
    """What a rollout of that version analysed."""
    configs = {"configmap/settings": config_checksum(settings(number))}
    return Revision(template=template_hash(a_version(number)), configs=configs)


def primary_of(number: int) -> Json:
    """The primary's template after that version was promoted."""
    return primary_template(a_version(number), APP, a_revision(number).configs)


FORMER = a_revision(1).template


@pytest.fixture
def promotion(bench: Bench) -> Promote:
    """The activities under test."""
    return Promote(bench, Reporter(bench))


async def released(api: ApiServer, number: int) -> None:
    """The target and its config are of that version."""
    await api.put(SETTINGS, settings(number))
    await api.put(TARGET, a_deployment(template=a_version(number), replicas=3))


async def at_rest(api: ApiServer, **spec: Any) -> None:
    """Version 1 serves, version 2 was analysed."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(**spec))
    await api.put(COPY, settings(1))
    await api.put(PRIMARY, a_deployment("podinfo-primary", template=primary_of(1)))
    await released(api, 2)


async def promoted(promotion: Promote, number: int = 2, activity_id: str = "first") -> PromotionOutcome:
    """Promote that version."""
    report = Report(canary=PODINFO, phase=Phase.PROMOTING, weight=50)
    order = Promotion(canary=PODINFO, revision=a_revision(number), report=report)
    attempt = ActivityEnvironment()
    attempt.info = replace(attempt.info, workflow_run_id="run", activity_id=activity_id)
    return await attempt.run(promotion.promote, order)


async def undone(promotion: Promote) -> Undone:
    """Take it back."""
    return await ActivityEnvironment().run(promotion.undo_promotion, PODINFO)


def template_at(api: ApiServer, path: str = PRIMARY) -> Json:
    """The template as it is now."""
    obj = api.read(path)
    assert obj
    return dict(obj["spec"]["template"])


def record(api: ApiServer) -> Json:
    """What is kept of the primary's former revision."""
    secret = api.read(PREVIOUS)
    assert secret
    return dict(json.loads(base64.b64decode(secret["data"]["previous.json"])))


async def test_copying(api: ApiServer, promotion: Promote) -> None:
    """The template under the primary's names, the config as its copy, as many pods as the target, and the report."""
    await at_rest(api)
    assert await promoted(promotion) is PromotionOutcome.COPIED
    assert template_at(api) == primary_of(2)
    copy, primary, canary = api.read(COPY), api.read(PRIMARY), api.read(CANARIES.path("test", "podinfo"))
    assert copy
    assert primary
    assert canary
    assert copy["data"] == settings(2)["data"]
    assert primary["spec"]["replicas"] == 3
    assert canary["status"]["phase"] == "Promoting"


async def test_record(api: ApiServer, promotion: Promote) -> None:
    """Kept in one Secret of the Canary's own: what the primary ran, its configs, and what it was replaced by."""
    await at_rest(api)
    await promoted(promotion)
    assert record(api) == {
        "successor": mark_of(primary_of(2)),
        "template": primary_of(1),
        "configs": {"configmap/settings-primary": settings(1)},
        "order": "run/first",
    }
    secret = api.read(PREVIOUS)
    assert secret
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"
    assert secret["type"] == "Opaque"


async def test_twice(api: ApiServer, promotion: Promote) -> None:
    """A second attempt finds everything done, and does not keep the new revision as the former one."""
    await at_rest(api)
    await promoted(promotion)
    world = deepcopy(api.objects)
    assert await promoted(promotion) is PromotionOutcome.COPIED
    assert api.objects == world


async def test_crash_between_configs_and_template(api: ApiServer, promotion: Promote) -> None:
    """The first attempt overwrote the config and went no further: the record still holds the former one."""
    await at_rest(api)

    async def crash(request: web.Request) -> web.Response | None:
        return status(503, "away") if (request.method, request.path) == ("PUT", PRIMARY) else None

    api.intercepts.append(crash)
    with pytest.raises(Unavailable):
        await promoted(promotion)
    api.intercepts.clear()
    await promoted(promotion)
    assert record(api)["configs"] == {"configmap/settings-primary": settings(1)}


@pytest.mark.parametrize("later", ["template", "config"])
async def test_superseded(api: ApiServer, promotion: Promote, later: str) -> None:
    """What was not analysed is not promoted; the primary is not touched."""
    await at_rest(api)
    if later == "template":
        await api.put(TARGET, a_deployment(template=a_version(3)))
    else:
        await api.put(SETTINGS, settings(3))
    world = deepcopy(api.objects)
    assert await promoted(promotion) is PromotionOutcome.SUPERSEDED
    assert api.objects == world


async def test_superseded_between_two_attempts(api: ApiServer, promotion: Promote) -> None:
    """The first one's answer was lost: it is given again, for the primary does run what was analysed."""
    await at_rest(api)
    await promoted(promotion)
    await api.put(TARGET, a_deployment(template=a_version(3)))
    assert await promoted(promotion) is PromotionOutcome.COPIED
    assert template_at(api) == primary_of(2)


async def test_foreign_primary(api: ApiServer, promotion: Promote) -> None:
    """One that carries no mark of ours is written even if its template is the same: its configs are unknown."""
    await at_rest(api)
    flaggers = primary_of(2)
    flaggers["metadata"]["annotations"] = {"flagger-id": "x"}
    await api.put(PRIMARY, a_deployment("podinfo-primary", template=flaggers))
    await promoted(promotion)
    assert template_at(api) == primary_of(2)


async def test_autoscaler(api: ApiServer, promotion: Promote) -> None:
    """Then the scale is the scaler's, whose copy is brought up to date."""
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
    await at_rest(api, autoscalerRef=ref)
    await api.put(
        AUTOSCALERS.path("test", "podinfo"), {"spec": {"scaleTargetRef": {"name": "podinfo"}, "maxReplicas": 4}}
    )
    await promoted(promotion)
    primary, copy = api.read(PRIMARY), api.read(AUTOSCALERS.path("test", "podinfo-primary"))
    assert primary
    assert copy
    assert primary["spec"]["replicas"] == 2
    assert copy["spec"] == {"scaleTargetRef": {"name": "podinfo-primary"}, "maxReplicas": 4}


async def test_undoing(api: ApiServer, promotion: Promote) -> None:
    """Template and configs are as before; a second time there is nothing to do."""
    await at_rest(api)
    await promoted(promotion)
    assert await undone(promotion) == Undone(serving=True, restored=FORMER)
    copy = api.read(COPY)
    assert copy
    assert template_at(api) == primary_of(1)
    assert copy["data"] == settings(1)["data"]
    version = api.version
    assert await undone(promotion) == Undone(serving=True, restored=FORMER)
    assert api.version == version


async def test_undoing_a_later_promotion(api: ApiServer, promotion: Promote) -> None:
    """The record is always of the revision before the present one."""
    await at_rest(api)
    await promoted(promotion)
    await released(api, 3)
    await promoted(promotion, 3)
    await undone(promotion)
    assert template_at(api) == primary_of(2)
    assert set(config_refs(template_at(api))) == {"configmap/settings-primary"}


@pytest.fixture
async def again(api: ApiServer, promotion: Promote) -> None:
    """Version 2 was promoted, and then analysed once more, since the target had been at another one."""
    await at_rest(api)
    await promoted(promotion)
    await succeeded(api, a_revision(2))
    await promoted(promotion, activity_id="second")


async def succeeded(api: ApiServer, revision: Revision) -> None:
    """The status of a promotion that completed."""
    path = CANARIES.path("test", "podinfo")
    canary = api.read(path)
    assert canary
    await api.put(path, {**canary, "status": {"phase": "Succeeded", "lastPromotedSpec": revision.template}})


@pytest.mark.usefixtures("again")
async def test_a_rollback_keeps_what_ran_before_its_rollout(api: ApiServer, promotion: Promote) -> None:
    """The promotion found nothing to copy, so there is nothing to take back."""
    assert await undone(promotion) == Undone(serving=True, restored="")
    assert template_at(api) == primary_of(2)


@pytest.mark.usefixtures("again")
async def test_a_person_may_undo_what_was_promoted_twice(api: ApiServer, promotion: Promote) -> None:
    """The record is still that of the version before."""
    await succeeded(api, a_revision(2))
    assert await undone(promotion) == Undone(serving=True, restored=FORMER)
    assert template_at(api) == primary_of(1)


async def test_a_second_attempt_may_be_rolled_back_where_configs_alone_changed(
    api: ApiServer, promotion: Promote
) -> None:
    """The first one copied and died before it could say so: the status knows no checksum of what was promoted."""
    await at_rest(api)
    await succeeded(api, a_revision(2))
    await promoted(promotion)
    await succeeded(api, a_revision(2))
    await promoted(promotion)
    assert await undone(promotion) == Undone(serving=True, restored=FORMER)


async def test_serving(api: ApiServer, promotion: Promote) -> None:
    """A primary without an available pod must not get traffic at once."""
    await at_rest(api)
    await promoted(promotion)
    broken = a_deployment("podinfo-primary", template=primary_of(2), status={"availableReplicas": 0})
    await api.put(PRIMARY, broken)
    assert await undone(promotion) == Undone(serving=False, restored=FORMER)


async def test_nothing_kept(api: ApiServer, promotion: Promote) -> None:
    """A primary that was never promoted to stays as it is."""
    await at_rest(api)
    await undone(promotion)
    assert template_at(api) == primary_of(1)


async def test_record_of_another_promotion(api: ApiServer, promotion: Promote) -> None:
    """A record that is not about what the primary runs is not brought back."""
    await at_rest(api)
    await promoted(promotion)
    await api.put(PRIMARY, a_deployment("podinfo-primary", template=primary_of(3)))
    await undone(promotion)
    assert template_at(api) == primary_of(3)


async def test_record_that_is_too_large(api: ApiServer, promotion: Promote) -> None:
    """It is given up rather than the release, and so is the record before it, which would bring back too much."""
    await at_rest(api)
    await promoted(promotion)
    await released(api, 3)

    async def too_large(request: web.Request) -> web.Response | None:
        return status(422, "Too long") if (request.method, request.path) == ("PUT", PREVIOUS) else None

    api.intercepts.append(too_large)
    assert await promoted(promotion, 3) is PromotionOutcome.COPIED
    assert template_at(api) == primary_of(3)
    assert api.read(PREVIOUS) is None
    await undone(promotion)
    assert template_at(api) == primary_of(3)


async def test_record_that_is_forbidden(api: ApiServer, promotion: Promote) -> None:
    """Without leave to write Secrets nothing is promoted: it could not be taken back."""
    await at_rest(api)

    async def forbid(request: web.Request) -> web.Response | None:
        writes = request.method != "GET" and "/secrets" in request.path
        return status(403, "secrets is forbidden") if writes else None

    api.intercepts.append(forbid)
    with pytest.raises(Refused):
        await promoted(promotion)
    assert template_at(api) == primary_of(1)
