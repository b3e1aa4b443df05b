"""One contract for every provider: exactly one value, or a name for what came instead; never an exception."""

import asyncio
import json
from typing import Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.http import Http
from activities.providers import asking, influxdb, keptn
from activities.providers.base import Source
from activities.providers.cloudwatch import CloudWatch
from activities.providers.errors import UnfitProvider
from activities.providers.registry import PROVIDERS, provider_for
from activities.providers.secret import Secret
from activities.providers.stackdriver import Stackdriver
from k8s.models.metric_template import WITH_ADDRESS, WITH_SECRET, ProviderType
from tests.activities.provider_fixtures import Bazaar, a_secret, bazaar, google_key
from tests.activities.vendors import VENDORS, Asked, Vendor, answering
from workflows.verdict import NoData, Unreadable, Value

__all__ = ["bazaar", "google_key"]

each_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: str(vendor.kind))
over_http = pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if not vendor.in_cluster], ids=lambda vendor: str(vendor.kind)
)
LARGEST = 1.7976931348623157e308


def test_every_type_is_there() -> None:
    """The CRD's types, the registry and this contract know the same providers."""
    types = set(get_args(ProviderType))
    assert types == set(PROVIDERS) == {vendor.kind for vendor in VENDORS}


@each_vendor
def test_required_fields(bazaar: Bazaar, vendor: Vendor) -> None:
    """What a provider refuses to be made without, the definition refuses a template without."""
    for field, lacking, wanted in (
        ("address", {"address": ""}, vendor.kind in WITH_ADDRESS),
        ("secretRef", {"secret": Secret()}, vendor.kind in WITH_SECRET),
        ("region", {"region": ""}, vendor.kind == "cloudwatch"),
    ):
        if wanted:
            with pytest.raises(UnfitProvider, match=rf"spec\.provider\.{field}: required"):
                bazaar.provider(vendor, **lacking)
        else:
            bazaar.provider(vendor, **lacking)


@each_vendor
@pytest.mark.parametrize("value", [1.5, 0.0, -2.5, 7], ids=str)
async def test_value(bazaar: Bazaar, vendor: Vendor, value: float) -> None:
    """One number is the value; integers are numbers."""
    bazaar.loopback.answer = answering(vendor.point(value))
    assert await bazaar.provider(vendor).query(vendor.query) == Value(value=value)


@each_vendor
async def test_empty(bazaar: Bazaar, vendor: Vendor) -> None:
    """Nothing found is no data, and never 0."""
    bazaar.loopback.answer = answering(vendor.empty)
    assert isinstance(await bazaar.provider(vendor).query(vendor.query), NoData)


@each_vendor
async def test_not_a_number(bazaar: Bazaar, vendor: Vendor) -> None:
    """What dividing by no requests gives is no data."""
    bazaar.loopback.answer = answering(vendor.point("NaN"))
    found = await bazaar.provider(vendor).query(vendor.query)
    assert isinstance(found, NoData if vendor.kind != "externalmetrics" else Unreadable)  # no quantity is NaN


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor.points], ids=lambda vendor: str(vendor.kind))
async def test_newest_of_a_series(bazaar: Bazaar, vendor: Vendor) -> None:
    """Not the oldest; nulls at the end, of a bucket that is not full yet, are passed over."""
    assert vendor.points
    bazaar.loopback.answer = answering(vendor.points([1.0, None, 3.0, None]))
    found = await bazaar.provider(vendor).query(vendor.query)
    assert found == Value(value=3)
    bazaar.loopback.answer = answering(vendor.points([None, None]))
    assert isinstance(await bazaar.provider(vendor).query(vendor.query), NoData)


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if vendor.several], ids=lambda vendor: str(vendor.kind)
)
async def test_several_series(bazaar: Bazaar, vendor: Vendor) -> None:
    """None of them is taken: the text says how to write a query that returns one."""
    bazaar.loopback.answer = answering(vendor.several)
    found = await bazaar.provider(vendor).query(vendor.query)
    assert isinstance(found, Unreadable)
    assert "returned" in found.detail
    assert any(word in found.detail for word in ("aggregate", "narrow", "ReturnData", "one value"))


@each_vendor
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
async def test_refusals(bazaar: Bazaar, vendor: Vendor, status: int) -> None:
    """A refusal says nothing about the release; it is quoted, and asked for once."""
    bazaar.loopback.answer = answering("because", status)
    found = await bazaar.provider(vendor).query(vendor.query)
    assert isinstance(found, Unreadable)
    assert "because" in found.detail
    assert len(bazaar.loopback.asked) == 1


@each_vendor
async def test_wrong_shape(bazaar: Bazaar, vendor: Vendor) -> None:
    """JSON of somebody else is not read as a number."""
    for body in vendor.wrong:
        bazaar.loopback.answer = answering(json.dumps(body))
        assert isinstance(await bazaar.provider(vendor).query(vendor.query), Unreadable), body


@each_vendor
async def test_not_json(bazaar: Bazaar, vendor: Vendor) -> None:
    """A sign-in page."""
    bazaar.loopback.answer = answering("<html>Sign in</html>")
    found = await bazaar.provider(vendor).query(vendor.query)
    assert isinstance(found, Unreadable)
    assert "<html>Sign in" in found.detail


@over_http
async def test_huge(bazaar: Bazaar, vendor: Vendor) -> None:
    """It is not read to its end."""
    bazaar.loopback.answer = answering(" " * (asking.ANSWER_LIMIT_BYTES + 1))
    found = await bazaar.provider(vendor).query(vendor.query)
    assert found == Unreadable(detail="the answer exceeds 1 MiB; write a query that returns a single value")


@each_vendor
async def test_too_slow(bazaar: Bazaar, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider is waited for without end."""
    seconds = 2 if vendor.kind == "stackdriver" else 0.3  # enough for the token, which comes first
    for module, name in ((asking, "TIMEOUT_SECONDS"), (influxdb, "SECONDS"), (keptn, "SECONDS")):
        monkeypatch.setattr(module, name, seconds)
    released = asyncio.Event()

    async def wait(_: Asked) -> Any:
        await released.wait()

    provider = bazaar.provider(vendor)
    bazaar.loopback.answer = wait
    try:
        found = await provider.query(vendor.query)
    finally:
        released.set()
    assert isinstance(found, Unreadable)
    assert "no answer within" in found.detail


@each_vendor
async def test_refused(bazaar: Bazaar, vendor: Vendor) -> None:
    """Nobody listens."""
    provider = bazaar.provider(vendor)
    await bazaar.loopback.server.close()
    assert isinstance(await provider.query(vendor.query), Unreadable)
    assert await provider.probe()


@each_vendor
async def test_secrets_stay_secret(bazaar: Bazaar, vendor: Vendor) -> None:
    """What is answered enters histories and events."""
    bazaar.loopback.answer = answering("no", 401)
    provider = bazaar.provider(vendor)
    told = f"{await provider.query(vendor.query)} {await provider.probe()}"
    assert "s3cret" not in told
    assert "PRIVATE KEY" not in told
    assert "s3cret" not in repr(bazaar.source(vendor))


@each_vendor
async def test_probe(bazaar: Bazaar, vendor: Vendor) -> None:
    """Empty when the vendor answers, else why not."""
    bazaar.loopback.answer = answering(vendor.point(1) if not vendor.in_cluster else {"kind": "APIResourceList"})
    assert await bazaar.provider(vendor).probe() == ""
    bazaar.loopback.answer = answering("because", 403)
    assert "because" in await bazaar.provider(vendor).probe()


# -- whatever is answered -------------------------------------------------------------------------------------------

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """A good answer with something else in one place."""
    if not isinstance(body, dict | list) or not body or draw(st.integers(0, 3)) == 0:
        return draw(ANY_JSON)
    if isinstance(body, dict):
        key = draw(st.sampled_from(sorted(body)))
        return body | {key: draw(spoilt(body[key]))}
    place = draw(st.integers(0, len(body) - 1))
    return [*body[:place], draw(spoilt(body[place])), *body[place + 1 :]]


class _Api:
    """A cluster that answers everything alike."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def get(self, *_: object) -> Any:
        return self._answer


async def _identity(*_: object) -> Any:
    return "http://vendor/", {}


async def _signature(*_: object) -> Any:
    return {}


@each_vendor
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_never_raises(vendor: Vendor, data: st.DataObject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the answer, it is one of the three."""
    good = vendor.point(1.5)
    body = data.draw(st.text() if isinstance(good, str) else ANY_JSON | spoilt(good))
    monkeypatch.setattr(Stackdriver, "_authorized", _identity)
    monkeypatch.setattr(CloudWatch, "_signed", _signature)
    text = body if isinstance(body, str) and isinstance(good, str) else json.dumps(body)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=text))) as client:
        source = Source(
            Http(client),
            _Api(body if isinstance(body, dict) else {"items": body, "status": body}),  # type: ignore[arg-type]
            "" if vendor.in_cluster else "http://vendor",
            a_secret(vendor.secret),
            region=vendor.region,
        )
        found = await provider_for(vendor.kind, source).query(vendor.query)
    assert isinstance(found, Value | NoData | Unreadable)
