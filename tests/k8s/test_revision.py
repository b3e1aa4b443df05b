"""A revision's hash changes with what runs, and with nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.revision import config_checksum, template_hash
from tests.objects import a_template

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
TEMPLATES = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)


def reversed_keys(value: Any) -> Any:
    """The same value with every mapping written in the opposite order."""
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def with_nulls(value: Any) -> Any:
    """The same value with a null field added to every mapping."""
    if isinstance(value, dict):
        return {key: with_nulls(item) for key, item in value.items()} | {"a field that nobody set": None}
    return [with_nulls(item) for item in value] if isinstance(value, list) else value


@given(TEMPLATES)
def test_order_does_not_matter(template: dict[str, Any]) -> None:
    """The order in which fields are written is no revision."""
    assert template_hash(reversed_keys(template)) == template_hash(template)


@given(TEMPLATES)
def test_null_is_absent(template: dict[str, Any]) -> None:
    """A field that is null says as much as one that is not there."""
    assert template_hash(with_nulls(template)) == template_hash(template)


def test_an_upgrade_must_not_look_like_a_release() -> None:
    """The algorithm is fixed: another result for the same template would roll every canary out."""
    assert template_hash({"spec": {"containers": [{"name": "é", "image": "podinfo:1"}]}}) == "s1-54e57315dbb5ded8"


@pytest.mark.parametrize(
    "changed",
    [
        a_template(image="podinfo:2"),
        a_template(nodeSelector={"disk": "ssd"}),
        a_template() | {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}},
        a_template() | {"metadata": {"labels": {"app": "podinfo", "team": "a"}}},
    ],
    ids=["image", "pod spec", "kubectl rollout restart", "pod label"],
)
def test_what_is_a_new_revision(changed: dict[str, Any]) -> None:
    """Everything of the template is."""
    assert template_hash(changed) != template_hash(a_template())


def test_lists_have_an_order() -> None:
    """Containers and arguments in another order are another revision."""
    assert template_hash({"args": ["a", "b"]}) != template_hash({"args": ["b", "a"]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
        ({"data": {"a": "1"}}, {"binaryData": {"a": "1"}}),
        ({"data": {"a": "1"}}, {"data": {"a": "1", "b": ""}}),
        ({"data": {}}, {"data": {"": ""}}),
    ],
)
def test_content_makes_the_checksum(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Text, binary content and every key count."""
    assert config_checksum(one) != config_checksum(other)


def test_only_content_makes_the_checksum() -> None:
    """Metadata, and how emptiness is written, do not."""
    plain = {"data": {"a": "1"}}
    labelled = {"metadata": {"labels": {"a": "b"}, "resourceVersion": "7"}, "data": {"a": "1"}, "binaryData": None}
    assert config_checksum(plain) == config_checksum(labelled)
    assert config_checksum({}) == config_checksum({"data": None}) == config_checksum({"data": {}})
