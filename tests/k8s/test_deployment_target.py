"""What a rollout needs of a Deployment."""

from typing import Any

import pytest

from k8s.targets.base import Selector, UnfitTarget
from k8s.targets.deployment import DeploymentTarget
from tests.objects import a_deployment, a_template

Json = dict[str, Any]
KIND = DeploymentTarget()
PRIMARY = Selector("app", "podinfo")
WEB, NAME_C = {"tier": "web"}, {"app.kubernetes.io/name": "c"}
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}


@pytest.mark.parametrize(
    ("match_labels", "selector"),
    [
        ({"app": "a"}, Selector("app", "a")),
        ({"app": "a", "name": "b"}, Selector("app", "a", {"name": "b"}, {"name": "b"})),
        ({"app.kubernetes.io/name": "c", "name": "b"}, Selector("name", "b", NAME_C, NAME_C)),
        ({"app.kubernetes.io/name": "c", "tier": "web"}, Selector("app.kubernetes.io/name", "c", WEB, WEB)),
    ],
)
def test_selector(match_labels: Json, selector: Selector) -> None:
    """The first of the known labels, in the order of the setting, beside all the others."""
    assert KIND.selector(a_deployment(selector={"matchLabels": match_labels})) == selector


def test_selectors_sides() -> None:
    """The value of one label tells canary and primary apart; the others keep them from the neighbours."""
    selector = Selector("app", "podinfo", WEB, WEB)
    assert selector.canary == {"app": "podinfo", "tier": "web"}
    assert selector.primary == {"app": "podinfo-primary", "tier": "web"}


@pytest.mark.parametrize(
    ("own", "primary"),
    [
        ({"app": "podinfo-primary"}, {"app": "podinfo-primary"}),
        ({"app": "podinfo-primary", "tier": "web"}, {"app": "podinfo-primary", "tier": "web"}),
        ({"app": "podinfo-primary", "gone": "x"}, {"app": "podinfo-primary", "gone": "x"}),
        ({"app": "somebody else's"}, {"app": "podinfo-primary", "tier": "web"}),
    ],
    ids=["as Flagger made it", "as we make it", "of a target that was made anew", "of no primary of ours"],
)
def test_selector_of_a_primary_that_exists(own: Json, primary: Json) -> None:
    """A selector never changes, so the primary's pods and its Services must go by the one it was made with."""
    target = a_deployment(selector={"matchLabels": {"app": "podinfo", "tier": "web"}})
    selector = KIND.selector(target, a_deployment("podinfo-primary", selector={"matchLabels": own}))
    assert selector.primary == primary
    assert selector.canary == {"app": "podinfo", "tier": "web"}


def test_primary_keeps_all_labels() -> None:
    """Its selector has every label of the target's, so that who shares one of them is not selected too."""
    selector = Selector("app", "podinfo", WEB, WEB)
    primary = KIND.copy(a_deployment(), a_template(), "podinfo-primary", selector)
    assert primary["spec"]["selector"] == {"matchLabels": {"app": "podinfo-primary", "tier": "web"}}
    assert primary["metadata"]["labels"] == {"app": "podinfo-primary"}


@pytest.mark.parametrize("selector", [{"matchLabels": {"tier": "web"}}, {"matchExpressions": []}])
def test_no_selector(selector: Json) -> None:
    """The refusal names the Deployment and the labels it may have."""
    with pytest.raises(UnfitTarget) as refusal:
        KIND.selector(a_deployment(selector=selector), labels=("app", "name"))
    assert str(refusal.value) == (
        "deployment podinfo.test spec.selector.matchLabels must contain one of ['app', 'name']"
    )


def test_scaling() -> None:
    """One field changes, and none when nothing has to."""
    assert KIND.scaled(a_deployment(replicas=2), 0) == {"spec": {"replicas": 0}}
    assert KIND.scaled(a_deployment(replicas=2), 2) is None


def test_replicas_left_out() -> None:
    """Absent replicas mean one."""
    deployment = a_deployment()
    del deployment["spec"]["replicas"]
    assert KIND.replicas(deployment) == 1
    assert KIND.scaled(deployment, 1) is None


def test_primary() -> None:
    """Its own name, selector and template; the target's settings and as many pods."""
    target = a_deployment(replicas=3, minReadySeconds=5, strategy=STRATEGY, paused=True)
    target["metadata"]["annotations"] = {
        "team": "a",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "deployment.kubernetes.io/revision": "4",
        "kustomize.toolkit.fluxcd.io/checksum": "x",
    }
    template = a_template(image="podinfo:2")
    primary = KIND.copy(target, template, "podinfo-primary", PRIMARY)
    assert primary["metadata"] == {
        "name": "podinfo-primary",
        "namespace": "test",
        "labels": {"app": "podinfo-primary"},
        "annotations": {"team": "a"},
    }
    assert primary["spec"] == {
        "replicas": 3,
        "minReadySeconds": 5,
        "strategy": STRATEGY,
        "selector": {"matchLabels": {"app": "podinfo-primary"}},
        "template": template,
    }


def test_primary_of_an_idle_target() -> None:
    """A target that GitOps keeps at zero still needs somebody who serves."""
    primary = KIND.copy(a_deployment(replicas=0), a_template(), "podinfo-primary", PRIMARY)
    assert primary["spec"]["replicas"] == 1


def test_promoted() -> None:
    """Template and settings become the target's; scale, selector and metadata stay; the given one is not changed."""
    primary = a_deployment("podinfo-primary", replicas=7, minReadySeconds=1)
    before = str(primary)
    template = a_template(image="podinfo:2")
    promoted = KIND.promoted(primary, a_deployment(minReadySeconds=9, strategy=STRATEGY), template)
    assert promoted["spec"]["template"] == template
    assert promoted["spec"]["minReadySeconds"] == 9
    assert promoted["spec"]["strategy"] == STRATEGY
    assert promoted["spec"]["replicas"] == 7
    assert promoted["spec"]["selector"] == {"matchLabels": {"app": "podinfo-primary"}}
    assert promoted["metadata"] == primary["metadata"]
    assert "status" not in promoted
    assert str(primary) == before
