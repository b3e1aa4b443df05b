"""Kubernetes objects with valid defaults, as the API server would send them."""

from copy import deepcopy
from typing import Any

from k8s.models.canary import Canary
from k8s.models.loading import load_canary

Json = dict[str, Any]
NAMESPACE = "test"


def a_canary(*, status: Json | None = None, metadata: Json | None = None, **spec: Any) -> Json:
    """The guide's Canary of podinfo, with fields of its spec replaced; None takes one away."""
    fields: Json = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "service": a_service(),
        "analysis": an_analysis(),
    } | spec
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": NAMESPACE, "uid": "uid-canary", "generation": 1}
        | (metadata or {}),
        "spec": {key: value for key, value in fields.items() if value is not None},
        "status": status or {},
    }


def a_model(**spec: Any) -> Canary:
    """The same, loaded."""
    return load_canary(a_canary(**spec))


def a_service(**changes: Any) -> Json:
    """`spec.service` as the Linkerd guide has it."""
    ref = {"name": "podinfo", "namespace": NAMESPACE, "group": "core", "kind": "Service", "port": 9898}
    return {"port": 9898, "targetPort": 9898, "gatewayRefs": [ref]} | changes


def an_analysis(**changes: Any) -> Json:
    """`spec.analysis` with steps of ten percent."""
    return {"interval": "30s", "threshold": 5, "maxWeight": 50, "stepWeight": 10} | changes


def a_template(*, image: str = "podinfo:1", **pod: Any) -> Json:
    """A pod template of podinfo."""
    container = {"name": "podinfod", "image": image, "ports": [{"name": "http", "containerPort": 9898}]}
    return {"metadata": {"labels": {"app": "podinfo"}}, "spec": {"containers": [container], **pod}}


def a_deployment(
    name: str = "podinfo", *, template: Json | None = None, status: Json | None = None, **spec: Any
) -> Json:
    """A Deployment whose two pods run and are available."""
    replicas = spec.get("replicas", 2)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), replicas)
    fields = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": name}},
        "template": deepcopy(template or a_template()),
    } | spec
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1},
        "spec": fields,
        "status": {"observedGeneration": 1, **counts} | (status or {}),
    }


def a_daemon_set(
    name: str = "podinfo", *, template: Json | None = None, status: Json | None = None, **spec: Any
) -> Json:
    """A DaemonSet with an available pod on each of two nodes."""
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": deepcopy(template or a_template())} | spec,
        "status": {"observedGeneration": 1, "numberMisscheduled": 0, **dict.fromkeys(counts, 2)} | (status or {}),
    }


def a_core_service(name: str = "podinfo", *, version: str = "1", **spec: Any) -> Json:
    """A Service, as the cluster completed it, that leads to the pods of a version."""
    fields = {
        "type": "ClusterIP",
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1"],
        "selector": {"app": "podinfo", "version": version},
        "ports": [{"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}],
    } | spec
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "labels": {"team": "birds"}},
        "spec": fields,
    }


def a_knative_service(name: str = "podinfo", *, latest: str = "podinfo-00001", primary: str = "", **spec: Any) -> Json:
    """A Knative Service with a latest revision, and one that serves if it is named."""
    annotations = {"flagger.app/primary-revision": primary} if primary else {}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"image": "podinfo:1"}]}}} | spec,
        "status": {"latestCreatedRevisionName": latest, "latestReadyRevisionName": latest},
    }


def a_knative_revision(name: str = "podinfo-00001", *, ready: str = "True", **condition: Any) -> Json:
    """A revision with its condition Ready."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1},
        "spec": {"containers": [{"image": "podinfo:1"}]},
        "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": ready} | condition]},
    }


def an_ingress(name: str = "podinfo", **annotations: str) -> Json:
    """An Ingress that leads to podinfo, beside another backend."""
    paths = [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}}
        for path, service in (("/", "podinfo"), ("/other", "other"))
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "labels": {"app": "podinfo"}, "annotations": annotations},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "app.example.com", "http": {"paths": paths}}]},
    }


def an_apisix_route(name: str = "podinfo", **rule: Any) -> Json:
    """An ApisixRoute whose first rule leads to podinfo, with fields of that replaced, and another rule."""
    rules = [
        {
            "name": path.strip("/") or "root",
            "match": {"hosts": ["app.example.com"], "paths": [f"{path}*"]},
            "backends": [{"serviceName": service, "servicePort": 80}],
        }
        for path, service in (("/", "podinfo"), ("/other", "other"))
    ]
    return {
        "apiVersion": "apisix.apache.org/v2",
        "kind": "ApisixRoute",
        "metadata": {"name": name, "labels": {"app": "podinfo"}},
        "spec": {"ingressClassName": "apisix", "http": [rules[0] | rule, rules[1]]},
    }
