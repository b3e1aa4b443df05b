"""Keptn's metrics, as objects of the worker's own API server (`metrics.keptn.sh/v1beta1`).

`keptnmetric/{namespace}/{name}` reads the value of a KeptnMetric;
`analysis/{namespace}/{definition}[/{duration}[/{key}={value};…]]` has an AnalysisDefinition judged, and is 1 when it
passes and 0 when not. https://keptn.sh/stable/docs/reference/crd-reference/analysis/
"""

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

from activities.providers.asking import Unusable, guarded, nothing, number
from activities.providers.base import Reading, Source
from k8s.client import NETWORK_ERRORS, Json
from k8s.errors import ClusterError, NotFound, from_answer
from k8s.resources import Resource
from workflows.verdict import NoData, Value

KEPTN_METRICS = Resource("metrics.keptn.sh/v1beta1", "KeptnMetric", "keptnmetrics")
ANALYSES = Resource("metrics.keptn.sh/v1beta1", "Analysis", "analyses")
SECONDS = 10.0
"""How long an Analysis may take."""
REMEDY = "write keptnmetric/{namespace}/{name}, or analysis/{namespace}/{name}[/{duration}[/{key}={value};...]]"
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
FAULTS = (ValueError, LookupError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Keptn:
    """The worker's own API server, as the worker."""

    source: Source

    @classmethod
    def of(cls, source: Source) -> "Keptn":
        """Wants nothing of `spec.provider`."""
        return cls(source)

    async def query(self, text: str) -> Reading:
        """The metric's value, or 1 or 0."""
        return await guarded(self._query(text), SECONDS)

    async def _query(self, text: str) -> Reading:
        kind, *rest = text.strip().split("/", 4)
        names = rest[:2]
        if len(names) < 2 or not all(NAME.fullmatch(name) for name in names):
            raise Unusable(f"{text.strip()!r} is not understood; {REMEDY}")
        match kind.lower():
            case "keptnmetric" if len(rest) == 2:
                return await self._metric(*names)
            case "analysis":
                return await self._analysis(*rest)
            case _:
                raise Unusable(f"{text.strip()!r} is not understood; {REMEDY}")

    async def _metric(self, namespace: str, name: str) -> Reading:
        metric = await self.source.cluster.get(KEPTN_METRICS.path(namespace, name))
        try:
            status = metric.get("status") or {}
            if problem := status.get("errMsg"):
                raise Unusable(f"KeptnMetric {name}.{namespace}: {problem}")
            reading = number(status.get("value") or None)
        except FAULTS as error:
            raise Unusable(
                f"KeptnMetric {name}.{namespace} has no number: {str(metric.get('status'))[:200]}"
            ) from error
        return nothing(self.source) if isinstance(reading, NoData) else reading

    async def _analysis(self, namespace: str, definition: str, duration: str = "", arguments: str = "") -> Reading:
        body = ANALYSES.header(namespace, f"{definition}-{uuid.uuid4().hex[:6]}")
        body["spec"] = {
            "timeframe": {"recent": duration or f"{self.source.window_seconds:g}s"},
            "args": arguments_of(arguments),
            "analysisDefinition": {"name": definition, "namespace": namespace},
        }
        created = await self.source.cluster.create(ANALYSES.path(namespace), body)
        try:
            status = await self._completed(created)
            return Value(value=1 if status.get("pass") is True else 0)
        except (*NETWORK_ERRORS, *FAULTS) as error:
            raise Unusable(f"analysis {definition}.{namespace}: {error!r}") from error
        finally:
            await self._delete(created)

    async def _completed(self, analysis: Json) -> Json:
        """The status once Keptn is done; the API server tells of every change."""
        metadata = analysis["metadata"]
        answer = await self.source.cluster.request(
            "GET",
            ANALYSES.path(metadata["namespace"]),
            query=[
                ("watch", "true"),
                ("fieldSelector", f"metadata.name={metadata['name']}"),
                ("resourceVersion", metadata["resourceVersion"]),
            ],
        )
        try:
            if answer.status != 200:
                raise from_answer(answer.status, (await answer.read()).decode(errors="replace"))
            async for line in answer.response.content:
                found = json.loads(line)["object"]
                status: Json = found.get("status") or {}
                if found["metadata"].get("name") == metadata["name"] and status.get("state") == "Completed":
                    return status
        finally:
            answer.response.close()
        raise Unusable("the watch of the analysis ended before it was completed")

    async def _delete(self, analysis: Json) -> None:
        metadata = analysis["metadata"]
        try:
            await self.source.cluster.delete(ANALYSES.path(metadata["namespace"], metadata["name"]))
        except NotFound:
            return

    async def probe(self) -> str:
        """Keptn's kinds must be there."""
        try:
            await self.source.cluster.get(KEPTN_METRICS.root)
        except ClusterError as error:
            return str(error)
        return ""


def arguments_of(text: str) -> dict[str, Any]:
    """`a=1;b=2` as a map; raises Unusable."""
    pairs = [pair.partition("=") for pair in text.split(";") if pair]
    if any(not key or not sign for key, sign, _ in pairs):
        raise Unusable(f"{text!r} is no list of arguments; write {{key}}={{value}};{{key}}={{value}}")
    return {key: value for key, _, value in pairs}
