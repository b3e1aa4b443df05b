"""What a cluster must offer: the definitions of this version, the permissions, and the kinds that providers use."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from k8s.client import Cluster, Json
from k8s.crd import crds
from k8s.errors import ClusterError, NotFound
from k8s.permissions import ALWAYS, OF_PROVIDERS, OF_SCALERS, OF_TARGETS, Permission
from k8s.resources import CANARIES, DEPLOYMENTS, Resource
from k8s.targets.base import UnfitTarget
from k8s.targets.registry import target_for
from worker.checkup import Finding, fine, wrong
from worker.settings import WorkerSettings
from worker.watches import kind_of, scaler_of

DEFINITIONS = Resource(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", is_namespaced=False
)
REVIEWS = Resource(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", is_namespaced=False
)
APPLY = "kubectl apply --server-side --force-conflicts -f deploy/crds"


async def of_cluster(cluster: Cluster, settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Raises Unavailable when the API server does not answer."""
    version = await cluster.get("/version")
    yield fine("API server", f"{version.get('gitVersion')} answers")
    for crd in crds():
        yield await _definition(cluster, crd)
    canaries = await _canaries(cluster, settings.namespace)
    needed = permissions_for(canaries, settings.mesh_provider)
    yield await _served(cluster, {permission.resource for permission in needed if permission not in ALWAYS})
    async for finding in _allowed(cluster, needed, settings.namespace):
        yield finding


async def _definition(cluster: Cluster, wanted: Json) -> Finding:
    name = wanted["metadata"]["name"]
    what = f"definition {name}"
    try:
        present = await cluster.get(DEFINITIONS.path(name=name))
    except NotFound:
        return wrong(what, "not installed", f"run {APPLY}")
    except ClusterError as error:
        return wrong(what, f"cannot be read: {error}", "ask as somebody who may get customresourcedefinitions")
    if _schemas(present) != _schemas(wanted):
        return wrong(what, "not that of this version", f"run {APPLY}")
    return fine(what, "that of this version")


def _schemas(crd: Json) -> Json:
    return {version["name"]: version["schema"]["openAPIV3Schema"] for version in crd["spec"]["versions"]}


async def _canaries(cluster: Cluster, namespace: str) -> list[Json]:
    """Those that are there; none where they cannot be listed, which is told elsewhere."""
    try:
        return list((await cluster.get(CANARIES.path(namespace or None)))["items"])
    except ClusterError:
        return []


# -- kinds ------------------------------------------------------------------------------------------------------------


async def _served(cluster: Cluster, resources: Iterable[Resource]) -> Finding:
    """Of what the worker and the Canaries that are there will use."""
    wanted = sorted(set(resources))
    groups = {each.root for each in wanted}
    known = dict(zip(groups, await asyncio.gather(*(_plurals(cluster, root) for root in groups)), strict=True))
    lacking = [f"{each.kind} ({each.api_version})" for each in wanted if each.plural not in known[each.root]]
    if not lacking:
        return fine("kinds", f"all {len(wanted)} that targets and providers need are served")
    remedy = "install their definitions, or choose another provider (SERINUS_MESH_PROVIDER, spec.provider)"
    return wrong("kinds", f"not served: {', '.join(lacking)}", remedy)


async def _plurals(cluster: Cluster, root: str) -> set[str]:
    try:
        return {each["name"] for each in (await cluster.get(root))["resources"]}
    except NotFound:
        return set()


# -- permissions ------------------------------------------------------------------------------------------------------


def permissions_for(canaries: Iterable[Json], mesh_provider: str) -> list[Permission]:
    """What the worker needs for these Canaries, and for a first one of a Deployment by its own provider."""
    found = [*ALWAYS, *OF_TARGETS[DEPLOYMENTS], *OF_PROVIDERS.get(mesh_provider, ())]
    for canary in canaries:
        found += OF_PROVIDERS.get((canary.get("spec") or {}).get("provider") or mesh_provider, ())
        if scaler := scaler_of(canary):
            found += OF_SCALERS.get(scaler[0], ())
        try:
            found += OF_TARGETS[target_for(*kind_of(canary)).resource]
        except UnfitTarget:
            continue
    return list(dict.fromkeys(found))


async def _allowed(cluster: Cluster, needed: list[Permission], namespace: str) -> AsyncIterator[Finding]:
    """As whoever asks: the kubeconfig's user, or the pod's ServiceAccount."""
    asked = [(permission, verb) for permission in needed for verb in permission.verbs]
    answers = await asyncio.gather(*(_may(cluster, permission, verb, namespace) for permission, verb in asked))
    refused: dict[str, list[str]] = {}
    for (permission, verb), allowed in zip(asked, answers, strict=True):
        if not allowed:
            refused.setdefault(permission.of, []).append(verb)
    for of, verbs in refused.items():
        yield wrong("permissions", f"may not {', '.join(verbs)} {of}", "grant it to whom the worker runs as")
    if not refused:
        yield fine("permissions", f"all {len(asked)} are granted to who asks here")


async def _may(cluster: Cluster, permission: Permission, verb: str, namespace: str) -> bool:
    resource = permission.resource
    attributes = {
        "group": resource.group,
        "resource": resource.plural,
        "subresource": permission.subresource,
        "verb": verb,
        "namespace": namespace if resource.is_namespaced else "",
    }
    review = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": {"resourceAttributes": attributes}}
    return bool((await cluster.create(REVIEWS.path(), review))["status"]["allowed"])
