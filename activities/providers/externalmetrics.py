"""The external metrics API of Kubernetes (`external.metrics.k8s.io/v1beta1`), which KEDA and other adapters serve.

https://github.com/kubernetes/metrics/blob/master/pkg/apis/external_metrics/v1beta1/types.go
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from activities.providers import asking
from activities.providers.asking import Unusable, as_json, ask, guarded, number, only, reach
from activities.providers.base import Reading, Source
from activities.providers.errors import UnfitProvider
from k8s.errors import ClusterError
from workflows.verdict import NoData

ROOT = "apis/external.metrics.k8s.io/v1beta1"
DEFAULT_NAMESPACE = "default"
QUANTITY = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i))?")
SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3} | {
    suffix: float(1000**power) for power, suffix in enumerate(["k", "M", "G", "T", "P", "E"], 1)
}
SUFFIXES |= {f"{suffix}i": float(1024**power) for power, suffix in enumerate(["K", "M", "G", "T", "P", "E"], 1)}


@dataclass(frozen=True)
class ExternalMetrics:
    """The worker's own API server, as the worker; or the one at `address`, with `token` of the Secret if it has one."""

    source: Source
    headers: dict[str, str]

    @classmethod
    def of(cls, source: Source) -> "ExternalMetrics":
        """Raises UnfitProvider, UnfitSecret."""
        if not source.secret.name:
            return cls(source, {})
        if not source.address:
            raise UnfitProvider("spec.provider.address: required beside a secretRef; write the API server's URL")
        return cls(source, {"Authorization": f"Bearer {source.secret.header('token')}"})

    async def query(self, text: str) -> Reading:
        """The only item of `[namespace/]metric[?labelSelector=…]`."""
        return await guarded(self._query(text), 2 * asking.TIMEOUT_SECONDS)

    async def _query(self, text: str) -> Reading:
        path, params = path_of(text)
        if self.source.address:
            url = self.source.url(path)
            return await ask(
                self.source, "GET", url, as_json(_read), whose="an API server", params=params, headers=self.headers
            )
        answer = await self.source.cluster.get(f"/{path}", params)
        try:
            return _read(answer)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise Unusable(f"not an answer of the external metrics API: {str(answer)[:200]}") from error

    async def probe(self) -> str:
        """An adapter must serve the API."""
        if self.source.address:
            return await reach(self.source, "GET", self.source.url(ROOT), headers=self.headers)
        try:
            await self.source.cluster.get(f"/{ROOT}")
        except ClusterError as error:
            return str(error)
        return ""


def path_of(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The path below the API server's root, and the parameters; raises Unusable."""
    name, _, query = text.strip().partition("?")
    namespace, slash, metric = name.partition("/")
    if not slash:
        namespace, metric = DEFAULT_NAMESPACE, name
    if not namespace or not metric or "/" in metric or any(part in (".", "..") for part in (namespace, metric)):
        raise Unusable(f"{name!r} names no metric; write [namespace/]metric[?labelSelector=...]")
    return f"{ROOT}/namespaces/{quote(namespace, safe='')}/{quote(metric, safe='')}", parse_qsl(query)


def _read(answer: Any) -> Reading:
    item = only(answer["items"], "narrow it with ?labelSelector=..., so that it returns one")
    return NoData() if item is None else number(amount(item["value"]))


def amount(quantity: Any) -> float:
    """A quantity such as `1500m`, `2k` or `1Ki` as a number; raises ValueError, TypeError.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a quantity")
    if match[3]:
        return float(match[1]) * SUFFIXES[match[3]]
    return float(match[1] + (match[2] or ""))
