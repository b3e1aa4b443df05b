"""Google Cloud Monitoring (Stackdriver): a query of MQL (`POST /v3/projects/{project}/timeSeries:query`).

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/query
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import google.auth
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials as ServiceAccount

from activities.providers import asking
from activities.providers.asking import Unusable, as_json, ask, guarded, newest, nothing, only, reach
from activities.providers.base import Reading, Source
from activities.providers.errors import UnfitProvider, UnfitSecret
from activities.providers.google_transport import Transport
from activities.redaction import redacted

ADDRESS = "https://monitoring.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/monitoring.read",)
REMEDY = "aggregate in the query (| group_by [], ...), so that it returns one"


@dataclass(frozen=True)
class Stackdriver:
    """One project.

    The Secret holds `project`, and `serviceAccountKey` (JSON) unless the worker's own identity is to be used; without a
    Secret the project is the worker's own too.
    """

    source: Source

    @classmethod
    def of(cls, source: Source) -> "Stackdriver":
        """Raises UnfitSecret."""
        if source.secret.name:
            source.secret.line("project")
        return cls(source)

    async def query(self, text: str) -> Reading:
        """The newest point of the only series; how far back is for the query to say, with `within`."""
        return await guarded(self._query(text))

    async def _query(self, text: str) -> Reading:
        url, headers = await self._authorized()
        return await ask(
            self.source,
            "POST",
            url,
            as_json(self._read),
            whose="Cloud Monitoring",
            json={"query": text},
            headers=headers,
        )

    def _read(self, answer: Any) -> Reading:
        series = only(answer.get("timeSeriesData") or [], REMEDY)
        if series is None:
            return nothing(self.source)
        points = series.get("pointData") or []
        return newest(
            ((datetime.fromisoformat(point["timeInterval"]["endTime"]), value_of(point)) for point in points),
            self.source,
        )

    async def _authorized(self) -> tuple[str, dict[str, str]]:
        """URL and headers; Google's library waits for its own requests, hence the thread."""
        try:
            async with asyncio.timeout(asking.TIMEOUT_SECONDS):
                project, token = await asyncio.to_thread(self._token, asyncio.get_running_loop())
        except TimeoutError as error:
            raise Unusable(f"no token from Google within {asking.TIMEOUT_SECONDS:g} s") from error
        except GoogleAuthError as error:
            why = redacted(str(error.args[0] if error.args else error), self.source.secrets)
            raise Unusable(f"no token from Google: {why[: asking.EXCERPT]}") from error
        url = self.source.url(f"v3/projects/{quote(project, safe='')}/timeSeries:query", default=ADDRESS)
        return url, {"Authorization": f"Bearer {token}"}

    def _token(self, loop: asyncio.AbstractEventLoop) -> tuple[str, str]:
        """Project and access token; raises GoogleAuthError, UnfitProvider, UnfitSecret.

        The worker's own identity may come from the machine's metadata, which no key of a user's may name.
        """
        credentials, project = self._credentials()
        own = "serviceAccountKey" not in self.source.secret
        credentials.refresh(Request() if own else Transport(self.source.http, loop))
        return project, str(credentials.token)

    def _credentials(self) -> tuple[Credentials, str]:
        secret = self.source.secret
        if "serviceAccountKey" in secret:
            return _service_account(self.source), secret.line("project")
        credentials, project = google.auth.default(scopes=SCOPES)
        if secret.name:
            return credentials, secret.line("project")
        if not project:
            raise UnfitProvider(
                "spec.provider.secretRef: required outside Google Cloud; name a Secret with key project"
            )
        return credentials, project

    async def probe(self) -> str:
        """The identity must be good for the project: a query that finds nothing is answered."""
        try:
            url, headers = await self._authorized()
        except (Unusable, UnfitProvider, UnfitSecret) as problem:
            return str(problem)
        query = "fetch k8s_container | metric 'kubernetes.io/container/uptime' | within 1m | top 1"
        return await reach(self.source, "POST", url, json={"query": query}, headers=headers)


def _service_account(source: Source) -> Credentials:
    try:
        key = json.loads(source.secret.text("serviceAccountKey"))
        credentials: Credentials = ServiceAccount.from_service_account_info(key, scopes=SCOPES)
    except (ValueError, TypeError, AttributeError, LookupError, GoogleAuthError) as error:
        raise UnfitSecret(
            f"secret {source.secret.name} error: key serviceAccountKey must be the JSON key of a service account"
        ) from error
    return credentials


def value_of(point: Any) -> Any:
    """The one number of a point; integers are text in Google's JSON. Raises Unusable, LookupError."""
    values = point["values"]
    if len(values) > 1:
        raise Unusable(f"a point has {len(values)} values; select one column in the query")
    typed = values[0]
    return typed["doubleValue"] if "doubleValue" in typed else int(typed["int64Value"])
