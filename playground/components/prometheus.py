"""Prometheus: scrapes what the world is told to, every second."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import yaml

from playground.components.base import Component
from playground.ports import LOOPBACK
from playground.probes import answers
from playground.process import NotReady

SCRAPE_SECONDS = 1


class Prometheus(Component):
    """Keeps two days of samples in the world's folder."""

    name = "prometheus"
    port: int
    targets: Sequence[str] = ()
    """The URLs scraped, such as http://127.0.0.1:9090/metrics; changed by `scrape`."""

    @property
    def url(self) -> str:
        """The address of its API, as a metric provider wants it."""
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(self.targets), sort_keys=False))

    def flags(self) -> Sequence[str]:
        """Loopback only, and reloadable."""
        return (
            *("--config.file", str(self.folder / "prometheus.yml"), "--web.listen-address", f"{LOOPBACK}:{self.port}"),
            *("--storage.tsdb.path", str(self.folder / "prometheus"), "--storage.tsdb.retention.time", "2d"),
            *("--web.enable-lifecycle", "--log.level", "warn"),
        )

    async def probe(self) -> None:
        """It answers queries."""
        await answers(f"{self.url}/-/ready")

    async def scrape(self, targets: Sequence[str]) -> None:
        """Scrape these URLs from now on, and no others; it must be running.

        Raises:
            NotReady: it does not answer, or refuses a URL.
        """
        self.targets = tuple(targets)
        self.prepare()
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                answer = await client.post(f"{self.url}/-/reload")
            except httpx.HTTPError as error:
                raise NotReady(f"prometheus does not reload: {error!r}") from error
        if answer.status_code != 200:
            raise NotReady(f"prometheus refuses {list(targets)}: {answer.text.strip()}")


def configuration(targets: Sequence[str]) -> dict[str, object]:
    """The content of prometheus.yml.

    Raises:
        ValueError: a target is not a URL with host and port.
    """
    interval = f"{SCRAPE_SECONDS}s"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "scrape_configs": [
            {
                "job_name": "playground",
                "honor_labels": True,  # a target speaks for pods, and names them itself
                "static_configs": [_static(target) for target in targets],
            }
        ],
    }


def _static(target: str) -> dict[str, object]:
    url = urlsplit(target)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(f"scrape target {target!r} is not a URL such as http://127.0.0.1:9090/metrics")
    labels = {"__scheme__": url.scheme, "__metrics_path__": url.path or "/metrics"}
    return {"targets": [url.netloc], "labels": labels}
