"""The three Services, made, kept to the Canary, taken over and handed back."""

import json
from typing import Any

from k8s.client import Cluster
from k8s.metadata import LAST_APPLIED
from k8s.models.loading import load_canary
from k8s.resources import SERVICES
from k8s.services import (
    NOT_FLUX,
    Lead,
    abandoned_services,
    ensure_apex_service,
    ensure_side_services,
    restore_apex_service,
)
from k8s.targets.base import Selector
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service

Json = dict[str, Any]
PORT = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}
APP = Selector("app", "podinfo")
LEAD = Lead(APP, [PORT])
NAMES = ("podinfo", "podinfo-primary", "podinfo-canary")


def path(name: str = "podinfo") -> str:
    """Of a Service."""
    return SERVICES.path("test", name)


def read(api: ApiServer, name: str = "podinfo") -> Json:
    """A Service as it is now."""
    service = api.read(path(name))
    assert service
    return service


async def ensured(cluster: Cluster, lead: Lead = LEAD, **service: Any) -> None:
    """All three, for a Canary whose `spec.service` has these fields too."""
    raw = a_canary(service=a_service(**service))
    await ensure_side_services(cluster, load_canary(raw), raw, lead)
    await ensure_apex_service(cluster, load_canary(raw), raw, lead)


async def restored(cluster: Cluster) -> None:
    """Hand the apex back."""
    raw = a_canary()
    await restore_apex_service(cluster, load_canary(raw), raw, APP)


async def test_new(api: ApiServer, cluster: Cluster) -> None:
    """Each leads to its own pods, carries its name, belongs to the Canary, and tells Flux to keep off."""
    await ensured(cluster)
    for name, app in zip(NAMES, ("podinfo-primary", "podinfo-primary", "podinfo"), strict=True):
        service = read(api, name)
        assert service["spec"] == {"type": "ClusterIP", "selector": {"app": app}, "ports": [PORT]}
        assert service["metadata"]["labels"] == {"app": name}
        assert service["metadata"]["annotations"] == NOT_FLUX
        assert service["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"


async def test_twice(api: ApiServer, cluster: Cluster) -> None:
    """A second time nothing is written, whatever is asked for."""
    fields: Json = {"headless": True, "trafficDistribution": "PreferClose", "apex": {"labels": {"team": "a"}}}
    await ensured(cluster, **fields)
    before = api.version
    await ensured(cluster, **fields)
    assert api.version == before


async def test_made_as(api: ApiServer, cluster: Cluster) -> None:
    """Headless and trafficDistribution are for new Services; those that are there stay as they are."""
    await ensured(cluster)
    await ensured(cluster, headless=True, trafficDistribution="PreferClose")
    assert read(api)["spec"].keys() == {"type", "selector", "ports"}
    await api.remove(path())
    await ensured(cluster, headless=True, trafficDistribution="PreferClose")
    assert read(api)["spec"]["clusterIP"] == "None"
    assert read(api)["spec"]["trafficDistribution"] == "PreferClose"


async def test_metadata(api: ApiServer, cluster: Cluster) -> None:
    """Each Service gets its own, and the label that carries its name."""
    roles = ("apex", "primary", "canary")
    given: Json = {role: {"labels": {"role": role}, "annotations": {"note": role}} for role in roles}
    await ensured(cluster, **given)
    for name, role in zip(NAMES, given, strict=True):
        assert read(api, name)["metadata"]["labels"] == {"role": role, "app": name}
        assert read(api, name)["metadata"]["annotations"] == {"note": role, **NOT_FLUX}


async def test_metadata_that_changed(api: ApiServer, cluster: Cluster) -> None:
    """On Services of ours it is replaced: keys that are not given go."""
    await ensured(cluster, apex={"labels": {"a": "1", "b": "2"}, "annotations": {"c": "3"}})
    await ensured(cluster, apex={"labels": {"a": "9"}})
    assert read(api)["metadata"]["labels"] == {"a": "9", "app": "podinfo"}
    assert read(api)["metadata"]["annotations"] == NOT_FLUX


async def test_unmanaged_metadata(api: ApiServer, cluster: Cluster) -> None:
    """Keys that are there keep their values; others come and go as ever."""
    unmanaged = {"labels": ["pool"], "annotations": ["neg", "absent"]}
    await ensured(cluster)
    service = read(api)
    service["metadata"]["labels"] |= {"pool": "theirs", "other": "x"}
    service["metadata"]["annotations"] |= {"neg": "theirs", "other": "x"}
    await api.put(path(), service)
    await ensured(cluster, unmanagedMetadata=unmanaged, apex={"labels": {"pool": "ours"}})
    assert read(api)["metadata"]["labels"] == {"pool": "theirs", "app": "podinfo"}
    assert read(api)["metadata"]["annotations"] == {"neg": "theirs", **NOT_FLUX}


async def test_ports_that_changed(api: ApiServer, cluster: Cluster) -> None:
    """They are replaced, and node ports of the same name stay."""
    await ensured(cluster)
    service = read(api)
    service["spec"]["ports"][0]["nodePort"] = 30080
    await api.put(path(), service)
    ports = [{**PORT, "port": 80}, {"name": "metrics", "protocol": "TCP", "port": 81, "targetPort": 81}]
    await ensured(cluster, Lead(APP, ports))
    assert read(api)["spec"]["ports"] == [{**ports[0], "nodePort": 30080}, ports[1]]


async def test_taking_over(api: ApiServer, cluster: Cluster) -> None:
    """A user's Service gets selector and ports, and keeps its metadata, node ports and owner."""
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "metrics", "port": 81, "nodePort": 30081}]
    selector = {"app": "podinfo", "tier": "web"}
    spec = {"type": "NodePort", "selector": selector, "ports": ports}
    await api.put(path(), {"metadata": {"labels": {"team": "a"}}, "spec": spec})
    await ensured(cluster, apex={"labels": {"team": "b"}})
    assert read(api)["spec"]["selector"] == {"app": "podinfo-primary"}
    assert read(api)["spec"]["ports"] == [PORT | {"nodePort": 30080}]
    assert read(api)["spec"]["type"] == "NodePort"
    assert read(api)["metadata"]["labels"] == {"team": "a"}
    assert "ownerReferences" not in read(api)["metadata"]


async def test_restoring(api: ApiServer, cluster: Cluster) -> None:
    """A user's Service leads to the target's pods again; a second time there is nothing to do."""
    await api.put(path(), {"spec": {"selector": {"app": "podinfo-primary", "odd": "x"}, "ports": [PORT]}})
    await restored(cluster)
    assert read(api)["spec"]["selector"] == {"app": "podinfo"}
    before = api.version
    await restored(cluster)
    assert api.version == before


async def test_restoring_what_was_applied(api: ApiServer, cluster: Cluster) -> None:
    """The selector is the one that its owner last applied."""
    applied = json.dumps({"spec": {"selector": {"app": "podinfo", "tier": "web"}}})
    spec = {"selector": {"app": "podinfo-primary"}, "ports": [PORT]}
    await api.put(path(), {"metadata": {"annotations": {LAST_APPLIED: applied}}, "spec": spec})
    await restored(cluster)
    assert read(api)["spec"]["selector"] == {"app": "podinfo", "tier": "web"}


async def test_own_apex_is_handed_over(api: ApiServer, cluster: Cluster) -> None:
    """One that we made stays for its users when the Canary goes; one that is gone is not missed."""
    await restored(cluster)
    await ensured(cluster)
    await restored(cluster)
    assert read(api)["spec"]["selector"] == {"app": "podinfo"}
    assert not read(api)["metadata"].get("ownerReferences")


async def test_another_name(api: ApiServer, cluster: Cluster) -> None:
    """Services of a former name are found, those of others and our present ones are not."""
    await ensured(cluster)
    await api.put(path("frontend"), {"spec": {}})
    raw = a_canary(service=a_service(name="web"))
    raw["metadata"]["generation"] = 2
    await ensure_apex_service(cluster, load_canary(raw), raw, LEAD)
    assert await abandoned_services(cluster, load_canary(raw), raw) == sorted(NAMES)
    assert await abandoned_services(cluster, load_canary(a_canary()), raw) == ["web"]


async def test_a_first_spec_had_no_other_name(api: ApiServer, cluster: Cluster) -> None:
    """So that no bootstrap looks at all Services of its namespace."""
    await ensured(cluster)
    api.requests.clear()
    raw = a_canary(service=a_service(name="web"))
    assert await abandoned_services(cluster, load_canary(raw), raw) == []
    assert api.requests == []
