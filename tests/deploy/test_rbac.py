"""The worker may do all that it needs, and nothing that it does not, by the API server's audit log of its work.

The stage's worker has the rights of an installed one, in this file as in every other. Here it is led through all that
it can be asked to do. Routers and providers that find no traffic here are called as the worker calls them, with its
token; kinds whose definitions are not at hand get one that takes any object, since rights know no fields.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from activities.http import Http
from activities.providers.base import Source
from activities.providers.externalmetrics import ExternalMetrics
from activities.providers.keptn import ANALYSES, KEPTN_METRICS, Keptn
from k8s import resources
from k8s.apply import owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.resources import CANARIES, SERVICES, Resource
from k8s.routers.base import Split
from k8s.routers.registry import ROUTERS
from playground.binaries import Binaries
from playground.charts import Overlay, rendered
from playground.kubectl import KubectlFailed
from playground.ports import LOOPBACK, free_ports
from playground.stage import INSTALLED_IN, SERVICE_ACCOUNT, Actor, Stage
from tests.deploy.lives import LIVES, a_deployment_lived
from tests.deploy.rights import Right, asked, granted, refused
from tests.integration.scenario import NAME, Eye, a_scene, unchecked
from tests.router_contract import CASES, a_rig
from workflows.verdict import Unreadable, Value

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(400)]

ACCOUNT = f"system:serviceaccount:{INSTALLED_IN}:"
NARROW = ("namespace=life-narrow", "syncScalers=true", "configTracking.enabled=false")
UNSEEN = {Right("update", "flagger.app", "canaries/finalizers"), Right("delete", "", "services")}
"""Asked for inside the API server, which its log does not tell: see `test_owners_are_a_right_of_their_own`."""


@pytest.fixture(scope="module")
async def stage(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One of our own: other tests do without the definitions that are applied here."""
    async with Stage(tmp_path_factory.mktemp("rbac"), binaries) as running:
        await define_everything(running)
        yield running


async def define_everything(stage: Stage) -> None:
    """Every kind that the worker knows is served."""
    real = stage.world.binaries.definitions
    # The TrafficSplit's real one does not serve every version that a router writes.
    await stage.world.define(*(folder for recipe, folder in real.items() if recipe != "smi"))
    kinds = [*(kind for kind in vars(resources).values() if isinstance(kind, Resource)), ANALYSES, KEPTN_METRICS]
    defined = await stage.kubectl("get", "customresourcedefinitions", "-o", "name")
    async with Cluster.connect(stage.kubeconfig) as cluster:
        missing = [kind for kind in kinds if name_of(kind) not in defined and not await is_served(cluster, kind)]
        for name in {name_of(kind) for kind in missing}:
            versions = [kind for kind in missing if name_of(kind) == name]
            await cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(name, versions))
    await stage.kubectl("wait", "--for=condition=Established", "customresourcedefinitions", "--all")


def name_of(kind: Resource) -> str:
    """Of its definition."""
    return f"{kind.plural}.{kind.group}"


async def is_served(cluster: Cluster, kind: Resource) -> bool:
    """Whether the API server knows the kind; of one that was defined a moment ago it may say no."""
    try:
        await cluster.get(kind.path("default", "nobody"))
    except NotFound as answer:
        return "nobody" in str(answer)
    return True


def definition(name: str, versions: list[Resource]) -> Json:
    """One that takes any object."""
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = [kind.api_version.rpartition("/")[2] for kind in versions]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {
            "group": versions[0].group,
            "scope": "Namespaced" if versions[0].is_namespaced else "Cluster",
            "names": {"plural": versions[0].plural, "kind": versions[0].kind},
            "versions": [
                {"name": each, "served": True, "storage": each == served[-1], "schema": anything} for each in served
            ],
        },
    }


@pytest.fixture(scope="module")
async def whole_work(stage: Stage) -> Stage:
    """Everything that the worker can be asked to do was done."""
    await asyncio.gather(*(life(stage) for life in LIVES), routes(stage), providers(stage))
    return stage


async def routes(stage: Stage) -> None:
    """Each router does what it can with the worker's token."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(Cluster.connect(stage.kubeconfig))
        worker = await stack.enter_async_context(Cluster.connect(stage.worker_kubeconfig))
        for provider in ROUTERS:
            namespace = f"route-{provider.replace(':', '-')}"
            await stage.kubectl("create", "namespace", namespace)
            await routed(admin, worker, provider, namespace)


async def routed(admin: Cluster, worker: Cluster, provider: str, namespace: str) -> None:
    """Its objects are made, brought to an edit, set, read and taken away, for a Canary that no worker acts on."""
    rig = a_rig(worker, ROUTERS[provider], provider, namespace)
    needs = {path.format(namespace=namespace): obj for path, obj in CASES[provider].needs.items()}
    needs[SERVICES.path(namespace, NAME)] = SERVICES.header(namespace, NAME) | {"spec": {"ports": [{"port": 9898}]}}
    for path, obj in needs.items():
        metadata: Json = {**obj["metadata"], "namespace": namespace}
        await admin.create(path.rpartition("/")[0], {**obj, "metadata": metadata})
    raw = await admin.create(CANARIES.path(namespace), {**rig.raw, "spec": {**rig.raw["spec"], "suspend": True}})
    for canary in (rig.canary, rig.edited(service=rig.case.edit).canary):
        await rig.router.initialize(worker, canary, raw)
    await rig.router.set(worker, rig.canary, raw, Split(30))
    await rig.router.get(worker, rig.canary)
    await rig.router.obstacle(worker, rig.canary)
    await rig.router.finalize(worker, rig.canary, raw)


async def providers(stage: Stage) -> None:
    """What the two metric providers that ask the API server ask of it."""
    namespace = "life-providers"
    await stage.kubectl("create", "namespace", namespace)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(Cluster.connect(stage.kubeconfig))
        worker = await stack.enter_async_context(Cluster.connect(stage.worker_kubeconfig))
        http = await stack.enter_async_context(httpx.AsyncClient())
        analyses = await stack.enter_async_context(Eye(admin, ANALYSES, namespace))
        source = Source(Http(http), worker)
        metric = KEPTN_METRICS.header(namespace, "errors") | {"status": {"value": "1"}}
        await admin.create(KEPTN_METRICS.path(namespace), metric)

        async def complete() -> None:
            await analyses.until(lambda: bool(analyses.objects.list()), "an analysis")
            name = analyses.objects.list()[0]["metadata"]["name"]
            await admin.merge(ANALYSES.path(namespace, name), {"status": {"state": "Completed", "pass": True}})

        assert await Keptn.of(source).query(f"keptnmetric/{namespace}/errors") == Value(value=1)
        judged, _ = await asyncio.gather(Keptn.of(source).query(f"analysis/{namespace}/errors"), complete())
        assert judged == Value(value=1)
        # No adapter serves the group: the request is granted, and then leads nowhere.
        assert isinstance(await ExternalMetrics.of(source).query(f"{namespace}/errors"), Unreadable)


def test_nothing_is_refused(whole_work: Stage) -> None:
    """The worker gets all that it asks for."""
    assert refused(whole_work.world.audit_log, ACCOUNT + SERVICE_ACCOUNT) == []


def test_nothing_is_granted_in_vain(whole_work: Stage, helm: Path) -> None:
    """Each verb on each kind was asked for, so taking away any one would refuse a request that was seen."""
    rules = granted(rendered(helm, Overlay("serinus", "serinus", INSTALLED_IN))["rbac"][0]["rules"])
    used = asked(whole_work.world.audit_log, ACCOUNT + SERVICE_ACCOUNT)
    assert len(rules) == len(set(rules))
    assert {right for right in rules if not any(right.covers(each) for each in used)} == UNSEEN


async def test_owners_are_a_right_of_their_own(whole_work: Stage) -> None:
    """Who may make and change Services may yet not own them for good, nor change who owns them."""
    stage, namespace, account = whole_work, "life-owner", "system:serviceaccount:life-owner:default"
    await stage.kubectl("create", "namespace", namespace)
    async with Cluster.connect(stage.kubeconfig) as admin:
        canary = unchecked(namespace)
        canary["spec"]["suspend"] = True
        owner = owner_of(await admin.create(CANARIES.path(namespace), canary))
    words = ("role", "maker", "--verb=get,create,patch", "--resource=services")
    await stage.kubectl("-n", namespace, "create", *words)
    await stage.kubectl("-n", namespace, "create", "rolebinding", "maker", "--role=maker", f"--user={account}")
    metadata = {"name": NAME, "namespace": namespace}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
    owned = {**service, "metadata": {**metadata, "ownerReferences": [owner]}}
    create = ("--as", account, "create", "-f", "-")
    with pytest.raises(KubectlFailed, match="cannot set blockOwnerDeletion"):
        await stage.kubectl(*create, manifest=json.dumps(owned))
    await stage.kubectl(*create, manifest=json.dumps(service))
    patch = json.dumps({"metadata": {"ownerReferences": [{**owner, "blockOwnerDeletion": False}]}})
    with pytest.raises(KubectlFailed, match="on a resource you can't delete"):
        await stage.kubectl("--as", account, "-n", namespace, "patch", "service", NAME, "--type=merge", "-p", patch)


async def test_one_namespace(whole_work: Stage, helm: Path) -> None:
    """A worker of one namespace does its work with a Role there, which has no more than its settings need."""
    stage, namespace, name = whole_work, "life-narrow", "narrow-serinus"
    objects = rendered(helm, Overlay("serinus", "narrow", INSTALLED_IN, NARROW))
    async with AsyncExitStack() as stack:
        await stage.worker.stop()
        stack.push_async_callback(stage.worker.start)
        scene = await stack.enter_async_context(a_scene(stage, namespace))
        for obj in (*objects["serviceaccount"], *objects["rbac"]):
            await stage.kubectl("apply", "-f", "-", manifest=json.dumps(obj))
        [port] = free_ports(1)
        settings = {
            "KUBECONFIG": str(await stage.kubeconfig_of(name)),
            "SERINUS_PORT": str(port),
            "SERINUS_NAMESPACE": namespace,
            "SERINUS_TASK_QUEUE": "narrow",  # on the other one the last steps of other namespaces may be waiting
            "SERINUS_SYNC_SCALERS": "true",
            "SERINUS_ENABLE_CONFIG_TRACKING": "false",
        }
        health = f"http://{LOOPBACK}:{port}/readyz"
        worker = Actor("narrow", ["worker", "worker"], health, stage, settings=settings)
        stack.push_async_callback(worker.stop)
        await worker.start()
        await a_deployment_lived(scene, tracked=False)
    assert refused(stage.world.audit_log, ACCOUNT + name) == []
    rules = granted(objects["rbac"][0]["rules"])
    beyond = set(rules) - set(granted(rendered(helm, Overlay("serinus", "serinus", INSTALLED_IN))["rbac"][0]["rules"]))
    assert {right.verb for right in beyond} == {"list", "watch"}
    assert {right.group for right in beyond} == {"autoscaling", "keda.sh"}
    assert beyond <= asked(stage.world.audit_log, ACCOUNT + name)
    assert not {Right("watch", "", kind) for kind in ("configmaps", "secrets")} & set(rules)
