"""What the activities measure: facts that happen once, counted by the replica that performs them.

`worker.metrics` shows them to Prometheus; docs/observability.md says what each series means.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.errors import InvalidCanary
from k8s.models.loading import load_canary
from workflows.observation import Phase
from workflows.verdict import Check, Question, Value

NAMES = ("name", "namespace")
"""`name` is that of the target, as Flagger has it."""
ENDINGS = (*NAMES, "deployment_strategy", "analysis_status")
ENDS = (Phase.SUCCEEDED, Phase.FAILED)
SHOWN_INTERVALS, SHOWN_SECONDS = 2, 120.0
"""How long a reading is shown: the next step renews it, here or in another replica; a scrape must meet it."""


class Reading(NamedTuple):
    """The last value of one check, in the metric's own unit; durations in seconds."""

    value: float
    expires: float
    """On the monotonic clock."""


class Meters(Collector):
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._successes = Counter(
            "flagger_canary_successes", "Rollouts that ended promoted.", ENDINGS, registry=self.registry
        )
        self._failures = Counter(
            "flagger_canary_failures", "Rollouts that ended rolled back.", ENDINGS, registry=self.registry
        )
        self._durations = Histogram(
            "flagger_canary_duration_seconds",
            "Seconds from asking all checks of a step until the last one answered.",
            NAMES,
            registry=self.registry,
        )
        self._readings: dict[tuple[str, str, str], Reading] = {}
        self.registry.register(self)

    def expect(self, canary: Json) -> None:
        """Begin the counts of a Canary's rollouts at 0: `increase` does not see a counter's first value."""
        with suppress(InvalidCanary):  # none of its rollouts ends
            model = load_canary(canary)
            for phase in ENDS:
                self._count_of(model, phase)

    def ended(self, canary: Json, phase: str) -> None:
        """Count a rollout, if the phase that its Canary just moved to is an end of one."""
        if phase in ENDS:
            self._count_of(load_canary(canary), phase).inc()

    def _count_of(self, canary: Canary, phase: str) -> Counter:
        """Of the Canary's rollouts that end so; it is exported from the first call on."""
        skipped = phase == Phase.SUCCEEDED and canary.spec.skip_analysis
        counter = self._successes if phase == Phase.SUCCEEDED else self._failures
        status = "skipped" if skipped else "completed"
        return counter.labels(canary.target_name, canary.namespace, canary.strategy, status)

    def examined(
        self, target: str, namespace: str, checks: list[Check], *, took_seconds: float, interval_seconds: float
    ) -> None:
        """Keep how long a step's checks took, and the numbers they gave."""
        self._durations.labels(target, namespace).observe(took_seconds)
        expires = time.monotonic() + max(SHOWN_INTERVALS * interval_seconds, SHOWN_SECONDS)
        for check in checks:
            if isinstance(check.answer, Value):
                milliseconds = check.question is Question.DURATION
                value = check.answer.value / 1000 if milliseconds else check.answer.value
                self._readings[target, namespace, check.name] = Reading(value, expires)

    def forget(self, target: str, namespace: str) -> None:
        """Drop every series of a target that no Canary names any more."""
        for meter in (self._successes, self._failures, self._durations):
            meter.remove_by_labels({"name": target, "namespace": namespace})
        self._readings = {key: reading for key, reading in self._readings.items() if key[:2] != (target, namespace)}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The readings that still hold."""
        now = time.monotonic()
        self._readings = {key: reading for key, reading in self._readings.items() if reading.expires > now}
        family = GaugeMetricFamily(
            "flagger_canary_metric_analysis",
            "The last value of a check of a running analysis.",
            labels=(*NAMES, "metric"),
        )
        for key, reading in self._readings.items():
            family.add_metric(key, reading.value)
        yield family
