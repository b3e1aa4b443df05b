"""What Prometheus is told: tasks started, running, and finished by outcome."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from loadtester.payload import Kind


@dataclass
class Task:
    """One run of a command; it was interrupted until something else is known."""

    outcome: str = "interrupted"


class Metrics:
    """The load tester's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._started = Counter(
            "loadtester_tasks_started", "Commands that were started, by task type.", ["type"], registry=self.registry
        )
        self._finished = Counter(
            "loadtester_tasks_finished",
            "Commands that ended, by task type and outcome (succeeded, failed, timed_out, not_started, interrupted).",
            ["type", "outcome"],
            registry=self.registry,
        )
        self._running = Gauge(
            "loadtester_tasks_running", "Commands that run now, by task type.", ["type"], registry=self.registry
        )
        for kind in Kind:  # zeros are better than gaps
            self._started.labels(kind)
            self._running.labels(kind)

    @contextmanager
    def task(self, kind: Kind) -> Iterator[Task]:
        """Count one run; whoever knows how it ended says so on what is returned."""
        task = Task()
        self._started.labels(kind).inc()
        try:
            with self._running.labels(kind).track_inprogress():
                yield task
        finally:
            self._finished.labels(kind, task.outcome).inc()
