"""The status that HTTPRoutes get, as Linkerd's policy controller writes it."""

from copy import deepcopy

from k8s.client import Json
from playground.mesh.acceptance import CONTROLLER, patch_of
from tests.playground.mesh.objects import a_ref, a_route, a_rule

BEFORE, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}


def route() -> Json:
    """The guide's."""
    return a_route(a_rule(a_ref("podinfo-primary", 100), a_ref("podinfo-canary", 0)))


def everything(_namespace: str, _name: str) -> bool:
    """Every Service exists."""
    return True


def written(obj: Json, now: str = BEFORE) -> Json:
    """The route after its status was written."""
    patch = patch_of(obj, everything, now)
    assert patch is not None
    return obj | patch


def reasons(patch: Json | None) -> list[tuple[str, str, str]]:
    """Type, status and reason of the first parent's conditions."""
    assert patch is not None
    return [(c["type"], c["status"], c["reason"]) for c in patch["status"]["parents"][0]["conditions"]]


def test_a_parent_is_accepted_as_linkerd_does() -> None:
    """Five fields a condition, and no observedGeneration among them."""
    assert patch_of(route(), everything, NOW) == {
        "status": {
            "parents": [
                {
                    "parentRef": route()["spec"]["parentRefs"][0],
                    "controllerName": "linkerd.io/policy-controller",
                    "conditions": [
                        {
                            "type": "Accepted",
                            "status": "True",
                            "reason": "Accepted",
                            "message": "",
                            "lastTransitionTime": NOW,
                        },
                        {
                            "type": "ResolvedRefs",
                            "status": "True",
                            "reason": "ResolvedRefs",
                            "message": "",
                            "lastTransitionTime": NOW,
                        },
                    ],
                }
            ]
        }
    }


def test_a_true_status_is_left_alone() -> None:
    """Else writing it would wake the writer for ever."""
    assert patch_of(written(route()), everything, NOW) is None


def test_new_weights_change_nothing() -> None:
    """Nor do they move the time of the last transition."""
    obj = written(route())
    obj["spec"]["rules"][0]["backendRefs"][1]["weight"] = 10
    assert patch_of(obj, everything, NOW) is None


def test_a_new_parent_is_accepted_and_an_old_one_forgotten() -> None:
    """The status speaks of the parents that the spec has."""
    obj = written(route())
    obj["spec"]["parentRefs"] = [{**obj["spec"]["parentRefs"][0], "port": 80}]
    patch = patch_of(obj, everything, NOW)
    assert patch is not None
    assert [parent["parentRef"]["port"] for parent in patch["status"]["parents"]] == [80]


def test_a_gateways_status_is_anothers() -> None:
    """It is neither written nor lost."""
    obj = route()
    obj["spec"]["parentRefs"].append(GATEWAY)
    theirs = {"parentRef": GATEWAY, "controllerName": "example.com/gateway", "conditions": []}
    patch = patch_of(obj | {"status": {"parents": [theirs]}}, everything, NOW)
    assert patch is not None
    assert patch["status"]["parents"][0] == theirs
    assert [parent["controllerName"] for parent in patch["status"]["parents"]] == ["example.com/gateway", CONTROLLER]


def test_a_route_of_gateways_only_is_none_of_our_business() -> None:
    """Nothing is written."""
    assert patch_of(a_route(a_rule(), parent=GATEWAY), everything, NOW) is None


def test_a_missing_parent_is_not_accepted() -> None:
    """Until it comes."""
    patch = patch_of(route(), lambda _, name: name != "podinfo", NOW)
    assert reasons(patch) == [("Accepted", "False", "NoMatchingParent"), ("ResolvedRefs", "True", "ResolvedRefs")]


def test_a_missing_backend_is_not_resolved() -> None:
    """The condition that stays true keeps its time; the one that turned has a new one."""
    patch = patch_of(written(route()), lambda _, name: name != "podinfo-canary", NOW)
    assert reasons(patch) == [("Accepted", "True", "Accepted"), ("ResolvedRefs", "False", "BackendNotFound")]
    assert patch is not None
    times = [condition["lastTransitionTime"] for condition in patch["status"]["parents"][0]["conditions"]]
    assert times == [BEFORE, NOW]


def test_the_route_itself_is_not_changed() -> None:
    """It belongs to a cache."""
    obj = written(route())
    kept = deepcopy(obj)
    patch_of(obj, lambda *_: False, NOW)
    assert obj == kept
