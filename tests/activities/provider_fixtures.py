"""A vendor on loopback, and any provider asking it."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from activities.http import Http
from activities.providers.base import Provider, Source
from activities.providers.registry import provider_for
from activities.providers.secret import Secret
from k8s.client import Cluster
from tests.activities.vendors import Loopback, Vendor, service_account_key
from tests.api_server import KUBECONFIG


@dataclass
class Bazaar:
    """Where vendors are met."""

    loopback: Loopback
    http: Http
    cluster: Cluster
    key: str
    """Of a Google service account."""

    def source(self, vendor: Vendor, **changes: Any) -> Source:
        """What the vendor's template, Secret and metric come to."""
        secret = dict(vendor.secret)
        if vendor.kind == "stackdriver":
            secret["serviceAccountKey"] = self.key
        source = Source(
            self.http,
            self.cluster,
            "" if vendor.in_cluster else self.loopback.address,
            a_secret(secret),
            window_seconds=90,
            region=vendor.region,
        )
        return replace(source, **changes)

    def provider(self, vendor: Vendor, **changes: Any) -> Provider:
        """The vendor's provider."""
        return provider_for(vendor.kind, self.source(vendor, **changes))


def a_secret(data: Mapping[str, str], name: str = "key") -> Secret:
    """A Secret as the API server has it; none when it would be empty."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return Secret(name, encoded) if encoded else Secret()


@pytest.fixture(scope="session")
def google_key() -> str:
    """A service account's key; where tokens come from is put in by the fixture below."""
    return service_account_key("@token_uri@")


@pytest_asyncio.fixture
async def bazaar(google_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bazaar]:
    """A server that answers `{}` to everybody, and the worker's identities."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIA123", "AWS_SECRET_ACCESS_KEY": "s3cret-9", "NO_PROXY": "*"}.items():
        monkeypatch.setenv(name, value)
    loopback = Loopback()
    await loopback.server.start_server()
    kubeconfig = tmp_path / "bazaar"
    kubeconfig.write_text(KUBECONFIG.format(server=loopback.address))
    async with Cluster.connect(kubeconfig) as cluster, httpx.AsyncClient(trust_env=False) as client:
        key = google_key.replace("@token_uri@", f"{loopback.address}/token")
        yield Bazaar(loopback, Http(client), cluster, key)
    await loopback.server.close()
