"""The activities of a canary's life, on each kind of target, asked of a small API server."""

from collections.abc import Callable
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.registry import activities
from k8s.readiness import Ready
from k8s.resources import CANARIES, DAEMON_SETS, HTTP_ROUTES_V1, KNATIVE_SERVICES, SECRETS, SERVICES
from k8s.targets.daemonset import DaemonSetTarget
from k8s.targets.service import ServiceTarget
from tests.api_server import ApiServer, merged
from tests.objects import a_canary, a_core_service, a_daemon_set, a_knative_service
from tests.targets import EXAMPLES, Example
from workflows.effects import Activity, Look, Promotion, PromotionOutcome, Report, Role, Scale, Stuck, Undone, Wait
from workflows.observation import Observation, Phase, Revision

Json = dict[str, Any]
PODINFO = Look(namespace="test", name="podinfo")
REPORT = Report(canary=PODINFO, phase=Phase.PROMOTING)
PREVIOUS = SECRETS.path("test", "podinfo-primary-previous")
DEPLOYMENT, DAEMON_SET, SERVICE, KNATIVE = EXAMPLES


class Life:
    """One canary, and the activities that act on it."""

    def __init__(self, api: ApiServer, bench: Bench, example: Example) -> None:
        self.api, self.example = api, example
        self._activities = {name_of(function): function for function in activities(bench)}

    async def run(self, activity: Activity, argument: object) -> Any:
        """One activity."""
        return await ActivityEnvironment().run(self._activities[activity], argument)

    async def observe(self) -> Observation:
        """One look."""
        seen = await self.run(Activity.OBSERVE, PODINFO)
        assert isinstance(seen, Observation)
        return seen

    async def born(self) -> None:
        """A target of version 1, and its Canary."""
        await self.api.put(
            CANARIES.path("test", "podinfo"),
            a_canary(targetRef=self.example.ref, provider=self.example.provider),
        )
        await self.released(1)

    async def bootstrapped(self) -> Revision:
        """Its primary serves version 1."""
        await self.born()
        revision = await self.run(Activity.CREATE_PRIMARY, PODINFO)
        await self.run(Activity.OPEN_TRAFFIC, PODINFO)
        assert isinstance(revision, Revision)
        return revision

    async def released(self, number: int) -> None:
        """The target is of that version; whatever runs it is healthy."""
        target = self.example.of(number)
        known = self.target or {"metadata": {}}
        target["metadata"] = merged(known["metadata"], {"labels": target["metadata"].get("labels")})
        await self.api.put(self.path("podinfo"), target)
        if self.example.kind.workloads != self.example.kind.resource:
            workload = self.example.workload(number)
            await self.api.put(self.example.kind.workloads.path("test", workload["metadata"]["name"]), workload)

    async def promoted(self) -> PromotionOutcome:
        """Promote what the target has."""
        revision = (await self.observe()).revision
        assert revision
        order = Promotion(canary=PODINFO, revision=revision, report=REPORT)
        return PromotionOutcome(await self.run(Activity.PROMOTE, order))

    def path(self, name: str) -> str:
        """Of an object of the target's kind."""
        return self.example.kind.resource.path("test", name)

    @property
    def target(self) -> Json | None:
        """As it is now."""
        return self.api.read(self.path("podinfo"))


def name_of(function: Callable[..., Any]) -> str:
    """Under which an activity is registered."""
    return str(function.__temporal_activity_definition.name)  # type: ignore[attr-defined]


@pytest.fixture
def life(api: ApiServer, bench: Bench, request: pytest.FixtureRequest) -> Life:
    """Of the kind that the test is about."""
    return Life(api, bench, request.param)


of_every_kind = pytest.mark.parametrize("life", EXAMPLES, indirect=True, ids=lambda example: example.name)


@of_every_kind
async def test_new(life: Life) -> None:
    """Nothing serves yet, and nothing stands in the way."""
    await life.born()
    seen = await life.observe()
    assert (seen.problem, seen.primary_found, seen.primary_is_target) == ("", False, False)
    assert seen.revision is not None


@of_every_kind
async def test_bootstrap(life: Life) -> None:
    """The primary runs what the target has; done again, nothing is written."""
    revision = await life.bootstrapped()
    seen = await life.observe()
    assert (seen.problem, seen.primary_found, seen.primary_is_target) == ("", True, True)
    assert seen.revision == revision
    version = life.api.version
    assert await life.run(Activity.CREATE_PRIMARY, PODINFO) == revision
    await life.run(Activity.OPEN_TRAFFIC, PODINFO)
    assert life.api.version == version


@of_every_kind
async def test_new_revision(life: Life) -> None:
    """The primary no longer runs what the target has."""
    former = await life.bootstrapped()
    await life.released(2)
    seen = await life.observe()
    assert seen.revision != former
    assert (seen.primary_found, seen.primary_is_target) == (True, False)


@of_every_kind
async def test_scaling(life: Life) -> None:
    """Down and up: the revision is the same, and the target as it was."""
    revision = await life.bootstrapped()
    before = (life.target or {})["spec"]
    for up in (False, False, True, True):
        await life.run(Activity.SCALE, Scale(canary=PODINFO, up=up))
        assert (await life.observe()).revision == revision
    after = (life.target or {})["spec"]
    assert life.example.kind.scaled({"spec": after}, life.example.kind.replicas({"spec": before})) is None


@of_every_kind
async def test_promotion(life: Life) -> None:
    """The primary runs the new revision; a second attempt writes nothing but the report."""
    await life.bootstrapped()
    await life.released(2)
    assert await life.promoted() is PromotionOutcome.COPIED
    assert (await life.observe()).primary_is_target
    world = {key: obj for key, obj in life.api.objects.items() if key.plural != "canaries"}
    assert await life.promoted() is PromotionOutcome.COPIED
    assert world == {key: obj for key, obj in life.api.objects.items() if key.plural != "canaries"}


@of_every_kind
async def test_promotion_of_what_was_not_analysed(life: Life) -> None:
    """The primary is left alone."""
    await life.bootstrapped()
    await life.released(2)
    analysed = (await life.observe()).revision
    assert analysed
    await life.released(3)
    outcome = await life.run(Activity.PROMOTE, Promotion(canary=PODINFO, revision=analysed, report=REPORT))
    assert outcome is PromotionOutcome.SUPERSEDED
    await life.released(1)
    assert (await life.observe()).primary_is_target


@of_every_kind
async def test_target_gone_in_the_middle(life: Life) -> None:
    """Neither scaling nor promoting waits for it to come back: both answer, and the wait for its pods ends things."""
    revision = await life.bootstrapped()
    await life.api.remove(life.path("podinfo"))
    for fresh in (False, True):
        await life.run(Activity.SCALE, Scale(canary=PODINFO, up=True, fresh=fresh))
    outcome = await life.run(Activity.PROMOTE, Promotion(canary=PODINFO, revision=revision, report=REPORT))
    assert outcome is PromotionOutcome.SUPERSEDED
    stuck = await life.run(Activity.AWAIT_READY, Wait(canary=PODINFO, role=Role.CANARY))
    assert isinstance(stuck.readiness, Stuck)


@of_every_kind
async def test_undoing(life: Life) -> None:
    """The primary runs its former revision again; a second time there is nothing to do."""
    await life.bootstrapped()
    await life.released(2)
    await life.promoted()
    assert life.api.read(PREVIOUS)
    for _ in range(2):
        undone = await life.run(Activity.UNDO_PROMOTION, PODINFO)
        assert isinstance(undone, Undone)
        assert not (await life.observe()).primary_is_target
    await life.released(1)
    assert (await life.observe()).primary_is_target


@of_every_kind
async def test_finalizing(life: Life) -> None:
    """The target is up again, and the Canary may go."""
    await life.bootstrapped()
    await life.run(Activity.SCALE, Scale(canary=PODINFO, up=False))
    assert await life.run(Activity.HAND_BACK, PODINFO) is True
    await life.run(Activity.RELEASE, PODINFO)
    assert life.example.kind.replicas(life.target or {}) > 0
    assert life.api.read(HTTP_ROUTES_V1.path("test", "podinfo")) is None


@of_every_kind
async def test_readiness(life: Life) -> None:
    """A healthy target is ready at once."""
    await life.born()
    wait = Wait(canary=PODINFO, role=Role.CANARY, available=-1)
    assert (await life.run(Activity.AWAIT_READY, wait)).readiness.kind == "ready"
    assert life.example.kind.readiness(life.example.workload(1), 100) == Ready()


@of_every_kind
async def test_no_primary_to_wait_for(life: Life) -> None:
    """One that is not there will not become ready by itself."""
    await life.born()
    wait = Wait(canary=PODINFO, role=Role.PRIMARY, available=-1)
    assert (await life.run(Activity.AWAIT_READY, wait)).readiness.kind == "stuck"


# -- what only one kind has -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [DEPLOYMENT, DAEMON_SET], indirect=True, ids=lambda example: example.name)
async def test_neighbours(life: Life) -> None:
    """Two instances that share the one label are told apart by the others, in the primary and in all Services."""
    await life.born()
    labels = {"app": "podinfo", "instance": "a"}
    target = merged(life.target or {}, {"spec": {"selector": {"matchLabels": labels}}})
    await life.api.put(life.path("podinfo"), merged(target, {"spec": {"template": {"metadata": {"labels": labels}}}}))
    await life.run(Activity.CREATE_PRIMARY, PODINFO)
    await life.run(Activity.OPEN_TRAFFIC, PODINFO)
    primary = life.api.read(life.path("podinfo-primary")) or {}
    wanted = {"app": "podinfo-primary", "instance": "a"}
    assert primary["spec"]["selector"] == {"matchLabels": wanted}
    assert wanted.items() <= primary["spec"]["template"]["metadata"]["labels"].items()
    assert selectors(life) == {"podinfo": wanted, "podinfo-primary": wanted, "podinfo-canary": labels}


@pytest.mark.parametrize("life", [DEPLOYMENT, DAEMON_SET], indirect=True, ids=lambda example: example.name)
async def test_neighbours_of_a_primary_that_flagger_made(life: Life) -> None:
    """Its selector has the one label and never changes, so its Services go by that; taking it over rolls nothing."""
    await life.born()
    labels = {"app": "podinfo", "instance": "a"}
    target = merged(life.target or {}, {"spec": {"selector": {"matchLabels": labels}}})
    target = merged(target, {"spec": {"template": {"metadata": {"labels": labels}}}})
    await life.api.put(life.path("podinfo"), target)
    template = merged(target["spec"]["template"], {"metadata": {"labels": {"app": "podinfo-primary"}}})
    spec = {"selector": {"matchLabels": {"app": "podinfo-primary"}}, "template": template}
    await life.api.put(life.path("podinfo-primary"), merged(target, {"spec": spec}) | {"spec": target["spec"] | spec})
    assert (await life.observe()).primary_is_target
    await life.run(Activity.OPEN_TRAFFIC, PODINFO)
    wanted = {"app": "podinfo-primary"}
    assert selectors(life) == {"podinfo": wanted, "podinfo-primary": wanted, "podinfo-canary": labels}


def selectors(life: Life) -> dict[str, Json]:
    """Of the three Services."""
    names = ("podinfo", "podinfo-primary", "podinfo-canary")
    services = {name: life.api.read(SERVICES.path("test", name)) or {} for name in names}
    return {name: service["spec"]["selector"] for name, service in services.items()}


@pytest.mark.parametrize("life", [DAEMON_SET], indirect=True)
async def test_daemon_set_is_parked(life: Life) -> None:
    """On nodes that do not exist; its primary stays on all of them."""
    await life.bootstrapped()
    await life.run(Activity.SCALE, Scale(canary=PODINFO, up=False))
    assert DaemonSetTarget().replicas(life.target or {}) == 0
    assert DaemonSetTarget().replicas(life.api.read(life.path("podinfo-primary")) or {}) == 1
    assert selectors(life)["podinfo"] == {"app": "podinfo-primary"}
    assert selectors(life)["podinfo-canary"] == {"app": "podinfo"}


@pytest.mark.parametrize("life", [DAEMON_SET], indirect=True)
async def test_unfit_daemon_set(life: Life) -> None:
    """It is told, and nothing is done."""
    await life.born()
    await life.api.put(DAEMON_SETS.path("test", "podinfo"), a_daemon_set(updateStrategy={"type": "OnDelete"}))
    seen = await life.observe()
    assert seen.problem == "daemonset podinfo.test must have RollingUpdate strategy but have OnDelete"
    assert seen.revision is None


@pytest.mark.parametrize("life", [SERVICE], indirect=True)
async def test_service_leads_both_ways(life: Life) -> None:
    """The canary's copy follows the target when its analysis begins, the primary's when it is promoted."""

    def versions() -> list[str]:
        copies = [life.api.read(life.path(name)) or {} for name in ("podinfo-primary", "podinfo-canary", "podinfo")]
        return [copy["spec"]["selector"]["version"] for copy in copies]

    await life.bootstrapped()
    assert versions() == ["1", "1", "1"]
    await life.released(2)
    assert versions() == ["1", "1", "2"]
    await life.run(Activity.SCALE, Scale(canary=PODINFO, up=True))
    assert versions() == ["1", "2", "2"]
    await life.promoted()
    assert versions() == ["2", "2", "2"]
    await life.run(Activity.UNDO_PROMOTION, PODINFO)
    assert versions() == ["1", "2", "2"]


@pytest.mark.parametrize("life", [SERVICE], indirect=True)
async def test_service_stays_the_users(life: Life) -> None:
    """The apex is the target: it is neither owned nor led elsewhere, while both copies go with the Canary."""
    await life.bootstrapped()
    target = life.target or {}
    assert ServiceTarget().template(target) == ServiceTarget().template(a_core_service())
    assert "ownerReferences" not in target["metadata"]
    for name in ("podinfo-primary", "podinfo-canary"):
        copy = life.api.read(life.path(name)) or {}
        assert copy["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"
        assert "clusterIP" not in copy["spec"]


@pytest.mark.parametrize("life", [KNATIVE], indirect=True)
async def test_knative_makes_no_objects(life: Life) -> None:
    """The annotation and the traffic say all."""
    await life.bootstrapped()
    assert {key.plural for key in life.api.objects} == {"canaries", "services", "revisions"}
    target = life.target or {}
    assert target["metadata"]["annotations"] == {"flagger.app/primary-revision": "podinfo-00001"}
    assert [entry["percent"] for entry in target["spec"]["traffic"]] == [0, 100]


@pytest.mark.parametrize("life", [KNATIVE], indirect=True)
async def test_knative_waits_for_the_revision(life: Life) -> None:
    """Its Service alone says nothing of the primary's revision."""
    await life.bootstrapped()
    assert (await life.observe()).primary_serving
    await life.api.remove(life.example.kind.workloads.path("test", "podinfo-00001"))
    assert not (await life.observe()).primary_serving
    wait = Wait(canary=PODINFO, role=Role.PRIMARY)
    readiness = (await life.run(Activity.AWAIT_READY, wait)).readiness
    assert readiness.why == "revision podinfo.test not found"


@pytest.mark.parametrize("life", [KNATIVE], indirect=True)
async def test_knative_problems(life: Life) -> None:
    """A provider that cannot, and a Service without a revision, are told instead of failing."""
    await life.born()
    await life.api.put(KNATIVE_SERVICES.path("test", "podinfo"), a_knative_service() | {"status": {"conditions": []}})
    assert "status.latestCreatedRevisionName is empty" in (await life.observe()).problem
    await life.api.put(CANARIES.path("test", "podinfo"), a_canary(targetRef=life.example.ref, provider="istio"))
    assert (await life.observe()).problem == "can't use istio provider with Knative Service as target"
