"""Which types of `spec.provider` there are: one line each."""

from collections.abc import Callable, Mapping

from activities.providers.base import Provider, Source
from activities.providers.cloudwatch import CloudWatch
from activities.providers.datadog import Datadog
from activities.providers.dynatrace import Dynatrace
from activities.providers.errors import UnfitProvider
from activities.providers.externalmetrics import ExternalMetrics
from activities.providers.graphite import Graphite
from activities.providers.influxdb import InfluxDB
from activities.providers.keptn import Keptn
from activities.providers.newrelic import NewRelic
from activities.providers.prometheus import Prometheus
from activities.providers.splunk import Splunk
from activities.providers.stackdriver import Stackdriver

PROVIDERS: Mapping[str, Callable[[Source], Provider]] = {
    "prometheus": Prometheus.of,
    "datadog": Datadog.of,
    "newrelic": NewRelic.of,
    "cloudwatch": CloudWatch.of,
    "stackdriver": Stackdriver.of,
    "graphite": Graphite.of,
    "influxdb": InfluxDB.of,
    "dynatrace": Dynatrace.of,
    "keptn": Keptn.of,
    "splunk": Splunk.of,
    "externalmetrics": ExternalMetrics.of,
}


def provider_for(kind: str, source: Source) -> Provider:
    """The provider of a type, ready to be asked.

    Raises:
        UnfitProvider: there is no such type, or a field is missing; the text names it and what to write.
        UnfitSecret: the Secret lacks a key, or holds what cannot be one.
    """
    if kind not in PROVIDERS:
        raise UnfitProvider(f"spec.provider.type: {kind!r} is unknown; write one of {', '.join(sorted(PROVIDERS))}")
    return PROVIDERS[kind](source)
