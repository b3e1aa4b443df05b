"""The tracked configs of a template, and their copies."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from activities.bench import Bench, Defaults
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


async def test_labels(api: ApiServer, bench: Bench) -> None:
    """Those that pass the prefix filter follow the source; labels that others put on the copy stay."""
    following = replace(bench, defaults=Defaults(include_label_prefix=("team/",)))
    await api.put(SETTINGS, {"metadata": {"labels": {"team/name": "a", "app": "x"}}, "data": {}})
    await copied(following)
    assert read(api)["metadata"]["labels"] == {"team/name": "a"}
    read(api)["metadata"]["labels"]["theirs"] = "x"
    await api.put(SETTINGS, {"metadata": {"labels": {"team/size": "s"}}, "data": {}})
    await copied(following)
    assert read(api)["metadata"]["labels"] == {"team/size": "s", "theirs": "x"}


async def test_shared_by_canaries(api: ApiServer, bench: Bench) -> None:
    """Each is an owner, so the copy stays until the last one is gone; the latest to come controls it."""
    await api.put(SETTINGS, {"data": {"a": "1"}})
    await copied(bench)
    other = bench.subject(a_canary(metadata={"name": "other", "uid": "uid-other"}))
    await copy_configs(bench, other, await found(bench, REQUIRED))
    owners = [(owner["uid"], owner["controller"]) for owner in read(api)["metadata"]["ownerReferences"]]
    assert owners == [("uid-canary", False), ("uid-other", True)]
    version = api.version
    await copied(bench)
    assert api.version == version


async def test_immutable(api: ApiServer, bench: Bench) -> None:
    """The copy is immutable too, and makes way for the next one when the source was made anew."""
    refused = refuse_changes(api)
    await api.put(SETTINGS, {"data": {"a": "1"}, "immutable": True})
    await copied(bench)
    assert read(api)["immutable"] is True
    await api.put(SETTINGS, {"data": {"a": "2"}, "immutable": True})
    await copied(bench)
    assert read(api)["data"] == {"a": "2"}
    assert read(api)["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"
    await api.put(SETTINGS, {"data": {"a": "2"}})
    await copied(bench)
    assert "immutable" not in read(api)
    assert refused == []


async def test_type_that_changed(api: ApiServer, bench: Bench) -> None:
    """The type of a Secret cannot be changed either."""
    key, template = SECRETS.path("test", "key"), a_template_with({"secretRef": {"name": "key"}})
    await api.put(key, {"type": "Opaque", "data": {"k": "AA=="}})
    await copied(bench, template)
    uid = read(api, SECRETS.path("test", "key-primary"))["metadata"]["uid"]
    await api.put(key, {"type": "kubernetes.io/tls", "data": {"k": "AA=="}})
    await copied(bench, template)
    copy = read(api, SECRETS.path("test", "key-primary"))
    assert copy["type"] == "kubernetes.io/tls"
    assert copy["metadata"]["uid"] != uid


async def test_tracking_off(api: ApiServer, bench: Bench) -> None:
    """Nothing is read, so nothing is copied or rewritten."""
    off = replace(bench, defaults=Defaults(enable_config_tracking=False))
    await api.put(SETTINGS, {"data": {"a": "1"}})
    await copied(off)
    assert await found(off, REQUIRED) == {}
    assert api.requests == []


def refuse_changes(api: ApiServer) -> list[str]:
    """Be as strict about immutable configs as the real API server; what was refused is kept."""
    refused: list[str] = []

    async def judge(request: web.Request) -> web.Response | None:
        known = api.read(request.path) if request.method == "PUT" else None
        if not (known and known.get("immutable")):
            return None
        sent = await request.json()
        if all(sent.get(field) == known.get(field) for field in ("data", "binaryData", "immutable")):
            return None
        refused.append(request.path)
        return status(422, "field is immutable when `immutable` is set")

    api.intercepts.append(judge)
    return refused


def read(api: ApiServer, path: str = COPY) -> Json:
    """A copy as it is now."""
    copy = api.read(path)
    assert copy
    return copy


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
