"""What the primary runs: the target's template under its own label, with its own configs, marked."""

from typing import Any

import pytest

from k8s.configs import config_refs
from k8s.primary import is_ours, mark_of, primary_template, revision_mark, runs_same
from k8s.targets.base import REVISION_ANNOTATION, Selector
from tests.objects import a_template

Json = dict[str, Any]
APP = Selector("app", "podinfo")
CONFIGS = {"configmap/settings": "c0ffee", "secret/key": "bead"}


def with_metadata(**metadata: Json) -> Json:
    """A template with these labels or annotations."""
    return a_template() | {"metadata": metadata}


def with_configs(image: str = "podinfo:1") -> Json:
    """A template that takes variables from a ConfigMap and a Secret."""
    template = a_template(image=image)
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "key"}}]
    template["spec"]["containers"][0]["envFrom"] = sources
    return template


def test_labels() -> None:
    """The one label is the primary's, the others stay, and Flux' own are not copied."""
    given = with_metadata(labels={"app": "podinfo", "team": "a", "kustomize.toolkit.fluxcd.io/name": "x"})
    assert primary_template(given, APP, {})["metadata"]["labels"] == {"app": "podinfo-primary", "team": "a"}


def test_no_labels() -> None:
    """A template without metadata gets what the selector needs."""
    bare = {"spec": a_template()["spec"]}
    assert primary_template(bare, APP, {})["metadata"]["labels"] == {"app": "podinfo-primary"}


def test_annotations() -> None:
    """They stay, but for the marks of controllers; ours is added."""
    given = with_metadata(
        annotations={"linkerd.io/inject": "enabled", "flagger-id": "x", "helm.toolkit.fluxcd.io/a": "b"}
    )
    annotations = primary_template(given, APP, {})["metadata"]["annotations"]
    assert annotations == {"linkerd.io/inject": "enabled", REVISION_ANNOTATION: revision_mark(given, {})}


def test_configs() -> None:
    """References lead to the copies of what is tracked, and only to those."""
    template = primary_template(with_configs(), APP, {"configmap/settings": "c0ffee"})
    assert set(config_refs(template)) == {"configmap/settings-primary", "secret/key"}


def test_given_template_stays() -> None:
    """It is the target's."""
    given = with_configs()
    primary_template(given, APP, CONFIGS)
    assert given == with_configs()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((with_configs(), CONFIGS), True),
        ((with_configs(), dict(reversed(CONFIGS.items()))), True),
        ((with_configs("podinfo:2"), CONFIGS), False),
        ((with_configs(), CONFIGS | {"secret/key": "other"}), False),
        ((with_configs(), {"configmap/settings": "c0ffee"}), False),
        ((with_configs(), {}), False),
    ],
    ids=["nothing", "order of configs", "image", "content of a config", "a config less", "no configs"],
)
def test_mark(other: tuple[Json, dict[str, str]], *, same: bool) -> None:
    """Pods roll when the template or a config changed, and only then."""
    assert (revision_mark(*other) == revision_mark(with_configs(), CONFIGS)) is same


def test_same_as_expected() -> None:
    """A primary runs what was promoted to it until something differs."""
    expected = primary_template(with_configs(), APP, CONFIGS)
    assert runs_same(primary_template(with_configs(), APP, CONFIGS), expected)
    assert not runs_same(primary_template(with_configs("podinfo:2"), APP, CONFIGS), expected)
    assert not runs_same(primary_template(with_configs(), APP, CONFIGS | {"secret/key": "other"}), expected)


def test_foreign_primary() -> None:
    """One that Flagger made runs the same if the templates agree, marks apart: adopting it rolls no pod."""
    expected = primary_template(with_configs(), APP, CONFIGS)
    flaggers = primary_template(with_configs(), APP, CONFIGS)
    flaggers["metadata"]["annotations"] = {"flagger-id": "7d1d2d1a"}
    assert runs_same(flaggers, expected)
    assert not is_ours(flaggers)
    assert mark_of(flaggers) is None
    flaggers["spec"]["containers"][0]["image"] = "podinfo:2"
    assert not runs_same(flaggers, expected)


@pytest.mark.parametrize(
    ("target", "primary", "same"),
    [
        ("", "2026-11-24T03:30:00Z", True),
        ("2026-11-24T03:30:00Z", "2026-11-24T03:30:00Z", True),
        ("2026-11-24T03:30:00Z", "", False),
        ("2026-11-24T03:30:00Z", "2026-11-24T03:29:00Z", False),
        ("2026-11-24T03:30:00Z", "2026-11-24T04:00:00+01:00", False),
        ("2026-11-24T03:30:00Z", "2026-11-24T05:00:00+01:00", True),
        ("", "yesterday", True),
        ("2026-11-24T03:30:00", "2026-11-24T03:30:00Z", True),
    ],
    ids=["primary alone", "promoted", "target alone", "target later", "zone, earlier", "zone, later", "odd", "no zone"],
)
def test_restarted(target: str, primary: str, *, same: bool) -> None:
    """`kubectl rollout restart` of the target is something new to run; of the primary alone it is not."""
    expected, running = (primary_template(restarted(at), APP, {}) for at in (target, primary))
    running["metadata"]["annotations"].pop(REVISION_ANNOTATION)
    assert runs_same(running, expected) is same


def restarted(at: str) -> Json:
    """A template that was restarted then, or never."""
    mark = {"kubectl.kubernetes.io/restartedAt": at} if at else {}
    return with_metadata(labels={"app": "podinfo"}, annotations={"team": "a"} | mark)


@pytest.mark.parametrize("spread", ["affinity", "topologySpreadConstraints"])
def test_spread(spread: str) -> None:
    """Whose label values get the suffix there is a matter of the controller; what is spread by is not."""
    expected, running, other = (
        primary_template(a_template(**{spread: spread_by(spread, value)}), APP, {})
        for value in ("podinfo", "podinfo-primary", "sidecar")
    )
    for template in (running, other):
        template["metadata"]["annotations"] = {"flagger-id": "7d1d2d1a"}

    assert runs_same(running, expected)
    assert not runs_same(other, expected)


def spread_by(field: str, value: str) -> Any:
    """Pods with this label apart from one another."""
    term = {"labelSelector": {"matchLabels": {"app": value}}, "topologyKey": "kubernetes.io/hostname"}
    if field == "affinity":
        return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return [term]


def test_marked_primary_is_ours() -> None:
    """So that its configs are known too."""
    primary = primary_template(with_configs(), APP, CONFIGS)
    assert is_ours(primary)
    assert mark_of(primary) == revision_mark(with_configs(), CONFIGS)
