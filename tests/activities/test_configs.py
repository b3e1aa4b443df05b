"""The tracked configs of a template, and their copies."""

from typing import Any

import pytest
from aiohttp import web

from activities.bench import Bench
from activities.configs import MissingConfig, checksums, copy_configs, tracked_configs
from k8s.errors import Unavailable
from k8s.resources import CONFIG_MAPS, SECRETS
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_template

Json = dict[str, Any]
SETTINGS, COPY = CONFIG_MAPS.path("test", "settings"), CONFIG_MAPS.path("test", "settings-primary")


def a_template_with(*sources: Json) -> Json:
    """A template that takes its variables from there."""
    template = a_template()
    template["spec"]["containers"][0]["envFrom"] = list(sources)
    return template


REQUIRED = a_template_with({"configMapRef": {"name": "settings"}})
OPTIONAL = a_template_with({"configMapRef": {"name": "settings", "optional": True}})


async def found(bench: Bench, template: Json) -> dict[str, Json]:
    """The tracked configs of that template."""
    return await tracked_configs(bench, bench.subject(a_canary()), template)


async def copied(bench: Bench, template: Json = REQUIRED) -> None:
    """Read them, and copy them."""
    await copy_configs(bench, bench.subject(a_canary()), await found(bench, template))


async def test_tracked(api: ApiServer, bench: Bench) -> None:
    """By id; what opts out is neither checksummed nor copied."""
    off = {"annotations": {"flagger.app/config-tracking": "disabled"}}
    await api.put(SETTINGS, {"data": {"a": "1"}})
    await api.put(CONFIG_MAPS.path("test", "off"), {"metadata": off, "data": {}})
    await api.put(SECRETS.path("test", "key"), {"type": "Opaque", "data": {"k": "dg=="}})
    await api.put(SECRETS.path("test", "token"), {"type": "kubernetes.io/service-account-token", "data": {}})
    maps = [{"configMapRef": {"name": name}} for name in ("settings", "off")]
    secrets = [{"secretRef": {"name": name}} for name in ("key", "token")]
    configs = await found(bench, a_template_with(*maps, *secrets))
    assert list(configs) == ["configmap/settings", "secret/key"]
    assert list(checksums(configs)) == ["configmap/settings", "secret/key"]


async def test_missing(bench: Bench) -> None:
    """An optional one may be; a required one is named, in Flagger's words."""
    assert await found(bench, OPTIONAL) == {}
    with pytest.raises(MissingConfig) as refusal:
        await found(bench, REQUIRED)
    assert str(refusal.value) == 'configmap settings.test get query error: configmaps "settings" not found'


async def test_api_server_away(api: ApiServer, bench: Bench) -> None:
    """An optional config that cannot be read is not taken for one that is gone (fluxcd/flagger#989)."""

    async def away(_: web.Request) -> web.Response:
        return status(503, "away")

    api.intercepts.append(away)
    with pytest.raises(Unavailable):
        await found(bench, OPTIONAL)


async def test_copies(api: ApiServer, bench: Bench) -> None:
    """All of the content, binary too, and nothing else; the copy is the Canary's."""
    await api.put(SETTINGS, {"metadata": {"labels": {"a": "b"}}, "data": {"a": "1"}, "binaryData": {"b": "AA=="}})
    await copied(bench)
    copy = api.read(COPY)
    assert copy
    assert (copy["data"], copy["binaryData"]) == ({"a": "1"}, {"b": "AA=="})
    assert "labels" not in copy["metadata"]
    assert copy["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"


async def test_type_of_secrets(api: ApiServer, bench: Bench) -> None:
    """A copy is of the same type."""
    await api.put(SECRETS.path("test", "tls"), {"type": "kubernetes.io/tls", "data": {"tls.crt": "AA=="}})
    await copied(bench, a_template_with({"secretRef": {"name": "tls"}}))
    copy = api.read(SECRETS.path("test", "tls-primary"))
    assert copy
    assert copy["type"] == "kubernetes.io/tls"


async def test_keys_that_went(api: ApiServer, bench: Bench) -> None:
    """They go from the copy too; an unchanged copy is not written."""
    await api.put(SETTINGS, {"data": {"a": "1", "b": "2"}})
    await copied(bench)
    await api.put(SETTINGS, {"data": {"a": "1"}})
    await copied(bench)
    copy = api.read(COPY)
    assert copy
    assert copy["data"] == {"a": "1"}
    version = api.version
    await copied(bench)
    assert api.version == version


async def test_race(api: ApiServer, bench: Bench) -> None:
    """A copy that somebody makes at the same moment is brought to the content."""
    await api.put(SETTINGS, {"data": {"a": "1"}})

    async def race(request: web.Request) -> None:
        if request.method == "POST" and api.read(COPY) is None:
            await api.put(COPY, {"data": {"a": "theirs"}})

    api.intercepts.append(race)
    await copied(bench)
    copy = api.read(COPY)
    assert copy
    assert copy["data"] == {"a": "1"}
