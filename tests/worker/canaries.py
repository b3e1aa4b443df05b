"""Canaries at rest, and what is done to them, in the words of the operator's tests."""

from copy import deepcopy
from typing import Any, cast

from k8s.resources import CANARIES, CONFIG_MAPS, DEPLOYMENTS, SECRETS
from k8s.revision import template_hash
from tests.api_server import ApiServer
from tests.objects import a_canary, a_deployment, a_template
from tests.worker.temporal import Signal, Temporal

Json = dict[str, Any]
TARGET, PRIMARY = DEPLOYMENTS.path("test", "podinfo"), DEPLOYMENTS.path("test", "podinfo-primary")
CANARY, SETTINGS, KEY = (
    CANARIES.path("test", "podinfo"),
    CONFIG_MAPS.path("test", "settings"),
    SECRETS.path("test", "key"),
)
PODINFO, OTHER = "canary/test/podinfo", "canary/test/other"


def a_version(number: int = 1) -> Json:
    """The template of a version, which reads a ConfigMap and a Secret."""
    template = a_template(image=f"podinfo:{number}")
    template["spec"]["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "key"}},
    ]
    return template


async def at_rest(api: ApiServer, name: str = "podinfo", *, phase: str = "Succeeded") -> None:
    """A canary whose version 1 was promoted, with its target, its primary and its configs."""
    for path in (SETTINGS, KEY):
        if api.read(path) is None:
            await api.put(path, {"data": {}})
    versions = {
        f"{kind}/{key}": cast("Json", api.read(path))["metadata"]["resourceVersion"]
        for kind, key, path in (("configmap", "settings", SETTINGS), ("secret", "key", KEY))
    }
    hash_ = template_hash(a_version())
    status = {
        "phase": phase,
        "lastAppliedSpec": hash_,
        "lastPromotedSpec": hash_,
        "observedGeneration": 1,
        "configVersions": versions,
    }
    await api.put(DEPLOYMENTS.path("test", name), a_deployment(name, template=a_version(), replicas=0))
    await api.put(DEPLOYMENTS.path("test", f"{name}-primary"), a_deployment(f"{name}-primary"))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    canary = a_canary(status=status, targetRef=target)
    del canary["metadata"]["uid"]
    await api.put(CANARIES.path("test", name), canary)


async def changed(api: ApiServer, path: str, **spec: Any) -> None:
    """Replace fields of an object's spec."""
    obj = deepcopy(cast("Json", api.read(path)))
    await api.put(path, obj | {"spec": obj["spec"] | spec})


async def released(api: ApiServer, name: str = "podinfo", number: int = 2) -> None:
    """A new version."""
    await changed(api, DEPLOYMENTS.path("test", name), template=a_version(number))


async def nothing_of_canaries_before(api: ApiServer, temporal: Temporal) -> None:
    """As below, for changes of canaries: each watch is heard in its own order."""
    await changed(api, CANARIES.path("test", "other"), suspend=True)
    assert await temporal.next() == Signal(OTHER, "the canary's spec changed", starts=True)


async def nothing_before(api: ApiServer, temporal: Temporal) -> None:
    """The next that Temporal hears is of a release of the other canary, which is made now."""
    await released(api, "other")
    assert await temporal.next() == Signal(OTHER, "the target has a new revision", starts=True)
