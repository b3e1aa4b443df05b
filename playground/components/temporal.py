"""Temporal: the dev server with its UI, its history in one SQLite file that survives restarts."""

from collections.abc import Sequence

from playground.components.base import Component
from playground.ports import LOOPBACK
from playground.probes import answers


class Temporal(Component):
    """The frontend, the UI, and the HTTP API that the probe asks."""

    name = "temporal"
    port: int
    ui_port: int
    http_port: int
    metrics_port: int

    @property
    def address(self) -> str:
        """Host and port of the frontend, as `TEMPORAL_ADDRESS` wants it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where a browser sees the workflows."""
        return f"http://{LOOPBACK}:{self.ui_port}"

    def flags(self) -> Sequence[str]:
        """Everything on loopback, and short timers that fire when they are due."""
        return (
            *("server", "start-dev", "--db-filename", str(self.folder / "temporal.db"), "--ip", LOOPBACK),
            *("--port", str(self.port), "--ui-port", str(self.ui_port), "--ui-disable-news-fetch"),
            *("--http-port", str(self.http_port), "--metrics-port", str(self.metrics_port)),
            *("--disable-config-file", "--disable-config-env", "--log-level", "warn"),
            # By default a timer below a second takes a whole one.
            *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="100ms"'),
        )

    async def probe(self) -> None:
        """The default namespace is there."""
        await answers(f"http://{LOOPBACK}:{self.http_port}/api/v1/namespaces/default")
