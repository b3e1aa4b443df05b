"""Which ConfigMaps and Secrets a template refers to, and where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.configs import ConfigRef, config_refs, is_tracked, rewrite_configs

Json = dict[str, Any]
EVERYWHERE: Json = {
    "spec": {
        "volumes": [
            {"name": "a", "configMap": {"name": "volume"}},
            {"name": "b", "secret": {"secretName": "volume"}},
            {
                "name": "c",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "projected"}},
                        {"secret": {"name": "projected"}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]
                },
            },
            {"name": "d", "emptyDir": {}},
        ],
        "initContainers": [
            {"name": "init", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "init", "key": "k"}}}]}
        ],
        "containers": [
            {
                "name": "main",
                "env": [
                    {"name": "A", "value": "plain"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "k"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}},
                    {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "envfrom"}}, {"secretRef": {"name": "envfrom"}}],
            }
        ],
    }
}
IDS = {
    *("configmap/volume", "secret/volume", "configmap/projected", "secret/projected", "configmap/init"),
    *("configmap/env", "secret/env", "configmap/envfrom", "secret/envfrom"),
}


def env_from(*sources: Json) -> Json:
    """A template with these sources of variables."""
    return {"spec": {"containers": [{"name": "main", "envFrom": list(sources)}]}}


def test_every_place() -> None:
    """Volumes, projected volumes, variables and sources of variables, of containers and init containers."""
    assert set(config_refs(EVERYWHERE)) == IDS


@pytest.mark.parametrize(
    "template",
    [
        {},
        {"spec": None},
        {"spec": {"containers": None, "volumes": None, "initContainers": None}},
        {"spec": {"imagePullSecrets": [{"name": "pull"}], "containers": [{"name": "main"}]}},
        env_from({"configMapRef": {}}, {"prefix": "A_"}),
    ],
)
def test_nowhere(template: Json) -> None:
    """Pull secrets are not the application's, and an empty reference is none."""
    assert config_refs(template) == {}


@pytest.mark.parametrize(
    ("first", "second", "optional"),
    [(True, True, True), (True, False, False), (False, True, False), (None, None, False)],
)
def test_required_wins(first: bool | None, second: bool | None, *, optional: bool) -> None:
    """A config that is named twice may only be missing if both say so."""
    sources = [
        {"configMapRef": {"name": "settings"} | ({} if each is None else {"optional": each})}
        for each in (first, second)
    ]
    assert config_refs(env_from(*sources)) == {"configmap/settings": ConfigRef("configmap", "settings", optional)}


def test_rewriting_all() -> None:
    """Each reference leads to the copy; what is no reference stays."""
    rewritten = rewrite_configs(EVERYWHERE, IDS)
    assert set(config_refs(rewritten)) == {f"{id_}-primary" for id_ in IDS}
    assert rewritten["spec"]["containers"][0]["env"][0] == {"name": "A", "value": "plain"}
    assert rewritten["spec"]["volumes"][3] == {"name": "d", "emptyDir": {}}


@given(st.sets(st.sampled_from(sorted(IDS))))
def test_rewriting_some(ids: set[str]) -> None:
    """Only configs that are tracked get copies; the given template is not changed."""
    before = str(EVERYWHERE)
    assert set(config_refs(rewrite_configs(EVERYWHERE, ids))) == {f"{i}-primary" for i in ids} | (IDS - ids)
    assert str(EVERYWHERE) == before


@pytest.mark.parametrize(
    ("obj", "tracked"),
    [
        ({"metadata": {}}, True),
        ({"metadata": {"annotations": None}}, True),
        ({"metadata": {"annotations": {"flagger.app/config-tracking": "enabled"}}}, True),
        ({"metadata": {"annotations": {"flagger.app/config-tracking": "disabled"}}}, False),
        ({"metadata": {"annotations": {"flagger.app/config-tracking": "disable"}}}, False),
        ({"metadata": {}, "type": "Opaque"}, True),
        ({"metadata": {}, "type": "kubernetes.io/tls"}, True),
        ({"metadata": {}, "type": "kubernetes.io/service-account-token"}, False),
        ({"metadata": {}, "type": "helm.sh/release.v1"}, False),
    ],
)
def test_opting_out(obj: Json, *, tracked: bool) -> None:
    """By annotation, or by a type of Secret that belongs to a machine."""
    assert is_tracked(obj) is tracked
