"""Amazon CloudWatch: GetMetricData, in the service's JSON protocol, signed with AWS' own library.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest

from activities.providers import asking
from activities.providers.asking import Unusable, as_json, ask, guarded, newest, nothing, only
from activities.providers.base import Reading, Source
from activities.providers.errors import UnfitProvider
from workflows.verdict import Unreadable

REGION = re.compile(r"[a-z0-9-]+")
TARGET = "GraniteServiceVersion20100801.GetMetricData"
MOST_POINTS = 20
PROBE = [{"Id": "probe", "Expression": "TIME_SERIES(1)", "Period": 60}]
REMEDY = "set ReturnData: false on all but one of the queries"


@dataclass(frozen=True)
class CloudWatch:
    """One region, asked as AWS' default credential chain says: environment, web identity, container, instance."""

    source: Source

    @classmethod
    def of(cls, source: Source) -> "CloudWatch":
        """Raises UnfitProvider."""
        if not REGION.fullmatch(source.region):
            raise UnfitProvider("spec.provider.region: required; write the region, such as eu-central-1")
        return cls(source)

    async def query(self, text: str) -> Reading:
        """The newest point of the only result; the query is a JSON list of MetricDataQuery objects."""
        return await guarded(self._query(text))

    async def _query(self, text: str) -> Reading:
        try:
            queries = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unusable(f"the query is not JSON ({error}); write a list of MetricDataQuery objects") from error
        if not isinstance(queries, list):
            raise Unusable("the query is not a list; write a JSON list of MetricDataQuery objects")
        return await self._ask(queries)

    async def _ask(self, queries: list[Any]) -> Reading:
        now = time.time()
        body = {
            "MetricDataQueries": queries,
            "StartTime": int(now - self.source.window_seconds),
            "EndTime": int(now),
            "ScanBy": "TimestampDescending",
            "MaxDatapoints": MOST_POINTS,
        }
        content = json.dumps(body).encode()
        headers = await self._signed(content)
        return await ask(
            self.source, "POST", self._url(), as_json(self._read), whose="CloudWatch", content=content, headers=headers
        )

    def _url(self) -> str:
        domain = "amazonaws.com.cn" if self.source.region.startswith("cn-") else "amazonaws.com"
        return self.source.url("", default=f"https://monitoring.{self.source.region}.{domain}")

    async def _signed(self, content: bytes) -> dict[str, str]:
        """The headers of the request, with its signature (Signature Version 4)."""
        url = urlsplit(self._url())
        headers = HttpHeaders(
            [("Host", url.netloc), ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", TARGET)]
        )
        request = HttpRequest("POST", url.path or "/", headers, BytesIO(content))
        try:
            async with asyncio.timeout(asking.TIMEOUT_SECONDS):
                signed = await asyncio.wrap_future(aws_sign_request(request, self._signing()))
        except TimeoutError as error:
            raise Unusable(f"no credentials of AWS within {asking.TIMEOUT_SECONDS:g} s") from error
        except AwsCrtError as error:
            raise Unusable(f"no credentials of AWS: {error.name}: {error.message}") from error
        return dict(signed.headers)

    def _signing(self) -> AwsSigningConfig:
        return AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=AwsCredentialsProvider.new_default_chain(),
            region=self.source.region,
            service="monitoring",
            date=datetime.now(UTC),
        )

    def _read(self, answer: Any) -> Reading:
        result = only(answer["MetricDataResults"], REMEDY)
        if result is None:
            return nothing(self.source)
        if result["StatusCode"] not in ("Complete", "PartialData"):  # partial: older points were left out
            raise Unusable(f"error response: {result['StatusCode']}: {result.get('Messages') or ''}")
        return newest(zip(result["Timestamps"], result["Values"], strict=True), self.source)

    async def probe(self) -> str:
        """The identity must be let to ask for metric data."""
        found = await guarded(self._ask(PROBE))
        return found.detail if isinstance(found, Unreadable) else ""
